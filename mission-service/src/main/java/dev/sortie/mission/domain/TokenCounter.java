package dev.sortie.mission.domain;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Counts tokens of the o200k_base encoding. A mebibyte takes up to a second or so of pure computing, which on a virtual
 * thread would keep all other calls from running: long texts are counted by a few threads of their own.
 */
final class TokenCounter {
    private static final int SHORT = 16 * 1024;

    private static final class Holder {
        static final Encoding ENCODING = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.O200K_BASE);
        static final ExecutorService THREADS = Executors.newFixedThreadPool(
                Math.max(1, Runtime.getRuntime().availableProcessors() / 2),
                Thread.ofPlatform().daemon().name("token-counter-", 0).factory());
    }

    private TokenCounter() {}

    /** The number of tokens. Text that looks like a control token of a model is text like any other. */
    static long count(String text) {
        if (text.length() <= SHORT) {
            return Holder.ENCODING.countTokensOrdinary(text);
        }
        var counting = Holder.THREADS.submit(() -> Holder.ENCODING.countTokensOrdinary(text));
        try {
            return counting.get();
        } catch (InterruptedException _) {
            counting.cancel(false);
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while counting tokens");
        } catch (ExecutionException failed) {
            throw new IllegalStateException(failed.getCause());
        }
    }
}
