package dev.sortie.mission.domain;

/** Text from outside, made fit to be stored. */
final class Texts {
    private Texts() {}

    /** The same without what PostgreSQL or UTF-8 cannot hold: NUL, and halves of characters. */
    static String clean(String text) {
        for (int i = 0; i < text.length(); i++) {
            char one = text.charAt(i);
            if (one == 0 || Character.isSurrogate(one)) {
                return replaced(text);
            }
        }
        return text;
    }

    /** At most so many characters of a text, the last of them an ellipsis where there were more. */
    static String cut(String text, int characters) {
        return text.length() <= characters ? text : text.substring(0, before(text, characters - 1)) + "…";
    }

    /** A place to cut a text at or before the given one, so that no character is cut in two. */
    static int before(CharSequence text, int place) {
        return place > 0
                        && place < text.length()
                        && Character.isHighSurrogate(text.charAt(place - 1))
                        && Character.isLowSurrogate(text.charAt(place))
                ? place - 1
                : place;
    }

    private static String replaced(String text) {
        var clean = new StringBuilder(text.length());
        text.codePoints()
                .map(one ->
                        one == 0 || (one >= Character.MIN_SURROGATE && one <= Character.MAX_SURROGATE) ? 0xFFFD : one)
                .forEach(clean::appendCodePoint);
        return clean.toString();
    }
}
