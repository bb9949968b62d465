package dev.sortie.mission.api;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** SHA-256, which every platform has. */
final class Sha256 {
    private Sha256() {}

    static MessageDigest begin() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
