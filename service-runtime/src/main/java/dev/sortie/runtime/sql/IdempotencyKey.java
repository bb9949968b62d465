package dev.sortie.runtime.sql;

import java.util.UUID;

/**
 * What makes two requests the same.
 *
 * @param principal who calls; one caller's request ids mean nothing to another
 * @param method the full name of the RPC
 * @param requestId chosen by the caller
 * @param requestHash SHA-256 of the request without its request id
 */
public record IdempotencyKey(String principal, String method, UUID requestId, byte[] requestHash) {}
