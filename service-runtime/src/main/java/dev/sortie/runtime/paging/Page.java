package dev.sortie.runtime.paging;

import com.google.protobuf.MessageLite;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Some of the items of a list.
 *
 * @param nextPageToken where the next page begins; empty on the last page
 * @param tokenAfter the token for a next page that begins after the item of an index; null where the page cannot be cut
 */
public record Page<T>(
        List<T> items, String nextPageToken, @Nullable IntFunction<String> tokenAfter) {
    /** The most bytes of messages: clients take answers of 4 MiB unless they are told otherwise. */
    static final int MAX_BYTES = 3 << 20;

    /** A page that stays as it is. */
    public Page(List<T> items, String nextPageToken) {
        this(items, nextPageToken, null);
    }

    /** The same page of other items. */
    public <U> Page<U> map(Function<? super T, ? extends U> mapper) {
        return new Page<>(items.stream().<U>map(mapper).toList(), nextPageToken);
    }

    /** The same page of messages or, where they are too large together, the first ones and a token for the rest. */
    public <M extends MessageLite> Page<M> messages(Function<? super T, M> mapper) {
        var messages = new ArrayList<M>(items.size());
        long bytes = 0;
        for (var item : items) {
            var message = mapper.apply(item);
            bytes += message.getSerializedSize();
            if (bytes > MAX_BYTES && tokenAfter != null && !messages.isEmpty()) {
                return new Page<>(List.copyOf(messages), tokenAfter.apply(messages.size() - 1));
            }
            messages.add(message);
        }
        return new Page<>(List.copyOf(messages), nextPageToken);
    }
}
