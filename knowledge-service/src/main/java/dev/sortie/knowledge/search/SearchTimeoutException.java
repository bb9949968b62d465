package dev.sortie.knowledge.search;

/** The caller's time was up before the search was done. */
public final class SearchTimeoutException extends RuntimeException {
    SearchTimeoutException() {
        super("the time for the search was up", null, false, false);
    }
}
