package dev.sortie.mission.domain;

/**
 * Content for an asset, measured. Measuring a mebibyte takes a while, so it is done before a transaction begins.
 *
 * @param json any JSON value as text
 * @param summary its beginning, to show in its place
 * @param tokenCount its length in tokens of the o200k_base encoding: of its text, or of its JSON where it is not text
 */
public record AssetContent(String json, String summary, long tokenCount) {
    private static final int SUMMARY_CHARACTERS = 500;

    /**
     * Measures content.
     *
     * @param json any JSON value as text
     * @param text the string itself where the value is one, else the same as {@code json}
     */
    public static AssetContent of(String json, String text) {
        return new AssetContent(json, beginning(text), TokenCounter.count(text));
    }

    /** As much of a text as is shown in its place. */
    static String beginning(String text) {
        if (text.codePointCount(0, text.length()) <= SUMMARY_CHARACTERS) {
            return text;
        }
        return text.substring(0, text.offsetByCodePoints(0, SUMMARY_CHARACTERS - 1)) + "…";
    }
}
