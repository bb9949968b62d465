package dev.sortie.agent.domain;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What decides, beside its urgency, who may claim an order and when. Orders that have all of it in common stand in one
 * line: whether one of them can be claimed is decided by the first of them alone.
 *
 * @param fairnessKey empty when there is none
 * @param concurrencyKey empty when there is none
 * @param requirements by capability, the least level
 */
public record Lane(String fairnessKey, String concurrencyKey, SortedMap<String, CapabilityLevel> requirements) {
    public static final Lane NONE = new Lane("", "", new TreeMap<>());

    /** The same for the same keys and requirements; null for a lane without any. */
    public @Nullable UUID id() {
        if (equals(NONE)) {
            return null;
        }
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            for (var part : List.of(fairnessKey, concurrencyKey, String.join("\n", encoded()))) {
                var bytes = part.getBytes(StandardCharsets.UTF_8);
                digest.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
                digest.update(bytes);
            }
            var hash = ByteBuffer.wrap(digest.digest());
            return new UUID(hash.getLong(), hash.getLong());
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The requirements as text: a level, a space, and the name. */
    public List<String> encoded() {
        return requirements.entrySet().stream()
                .map(entry -> entry.getValue() + " " + entry.getKey())
                .toList();
    }

    /** The other way round. */
    public static SortedMap<String, CapabilityLevel> decoded(List<String> encoded) {
        return encoded.stream()
                .map(text -> text.split(" ", 2))
                .collect(Collectors.toMap(
                        parts -> parts[1], parts -> CapabilityLevel.valueOf(parts[0]), (one, _) -> one, TreeMap::new));
    }

    /** True for a worker that can do all that is required. */
    boolean admits(Map<String, CapabilityLevel> capabilities) {
        return requirements.entrySet().stream().allMatch(required -> {
            var level = capabilities.get(required.getKey());
            return level != null && level.compareTo(required.getValue()) >= 0;
        });
    }
}
