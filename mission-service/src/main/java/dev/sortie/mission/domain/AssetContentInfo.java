package dev.sortie.mission.domain;

/**
 * What streamed content is.
 *
 * @param size in bytes
 * @param sha256 of the bytes, as 64 lower-case hexadecimal digits
 * @param mediaType such as {@code application/pdf}
 * @param fileName the name of the file that it was; may be empty
 */
public record AssetContentInfo(long size, String sha256, String mediaType, String fileName) {}
