package dev.sortie.agent.store;

import java.util.HexFormat;

/** Bytes in arrays travel as hexadecimal text. */
final class Hex {
    private static final HexFormat FORMAT = HexFormat.of();

    private Hex() {}

    static String of(byte[] bytes) {
        return FORMAT.formatHex(bytes);
    }
}
