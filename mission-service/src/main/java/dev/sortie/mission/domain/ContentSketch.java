package dev.sortie.mission.domain;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * What is known of streamed content without having all of it in memory.
 *
 * @param summary what to show in its place: the beginning of a text, or what it is
 * @param tokenCount its length in tokens; 0 where it is no text or longer than {@link #MAX_COUNTED}
 */
public record ContentSketch(String summary, long tokenCount) {
    /** The longest text whose tokens are counted: it takes a second or so. */
    static final int MAX_COUNTED = 1 << 20;

    private static final Set<String> TEXTS = Set.of(
            "application/json",
            "application/x-ndjson",
            "application/xml",
            "application/yaml",
            "application/x-yaml",
            "application/toml",
            "application/sql",
            "application/javascript",
            "application/x-sh");

    /** Whether bytes of this type may be a text. */
    static boolean mayBeText(String mediaType) {
        int end = mediaType.indexOf(';');
        var type = (end < 0 ? mediaType : mediaType.substring(0, end)).strip().toLowerCase(Locale.ROOT);
        return type.startsWith("text/")
                || TEXTS.contains(type)
                || type.endsWith("+json")
                || type.endsWith("+xml")
                || type.endsWith("+yaml");
    }

    /**
     * Looks at the beginning of a content.
     *
     * @param beginning its first bytes; all of them where there are {@link #MAX_COUNTED} at most
     */
    static ContentSketch of(AssetContentInfo info, byte[] beginning) {
        boolean isWhole = beginning.length == info.size();
        var text = mayBeText(info.mediaType()) ? decode(beginning, isWhole) : Optional.<String>empty();
        return text.map(found ->
                        new ContentSketch(AssetContent.beginning(found), isWhole ? TokenCounter.count(found) : 0))
                .orElseGet(() -> new ContentSketch(describe(info), 0));
    }

    /** UTF-8 that the database can keep; a character that is cut off at the end does not matter where more follows. */
    private static Optional<String> decode(byte[] bytes, boolean isWhole) {
        var decoder = StandardCharsets.UTF_8.newDecoder();
        var text = CharBuffer.allocate(bytes.length);
        if (decoder.decode(ByteBuffer.wrap(bytes), text, isWhole).isError()) {
            return Optional.empty();
        }
        var decoded = text.flip().toString();
        return decoded.indexOf('\0') < 0 ? Optional.of(decoded) : Optional.empty();
    }

    private static String describe(AssetContentInfo info) {
        var what = "%s, %d bytes".formatted(info.mediaType(), info.size());
        return info.fileName().isEmpty() ? what : info.fileName() + ", " + what;
    }
}
