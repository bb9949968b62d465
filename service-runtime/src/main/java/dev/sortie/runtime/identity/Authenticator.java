package dev.sortie.runtime.identity;

/** Tells who a token stands for. */
@FunctionalInterface
public interface Authenticator {

    /**
     * Who the token stands for. May block; runs on a virtual thread within the call's deadline.
     *
     * @param token as the caller sent it, without {@code Bearer}; never to be logged
     * @throws dev.sortie.runtime.failure.FailureException UNAUTHENTICATED for a token that is not good, UNAVAILABLE when
     *     that cannot be found out
     */
    Principal authenticate(String token);
}
