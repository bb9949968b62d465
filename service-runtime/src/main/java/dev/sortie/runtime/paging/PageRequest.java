package dev.sortie.runtime.paging;

import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Which page of a list is asked for. Made by {@link PageTokens#open}. */
public final class PageRequest {
    private final PageTokens tokens;
    private final byte[] binding;
    private final int size;
    private final @Nullable Keyset after;

    PageRequest(PageTokens tokens, byte[] binding, int size, @Nullable Keyset after) {
        this.tokens = tokens;
        this.binding = binding;
        this.size = size;
        this.after = after;
    }

    /** How many items a page has at most. */
    public int size() {
        return size;
    }

    /** What to fetch: one more than the page has, to see whether there is another page. */
    public int limit() {
        return size + 1;
    }

    /** Where the page before ended; null on the first page. */
    public @Nullable Keyset after() {
        return after;
    }

    /**
     * A page of what was fetched with {@link #limit}.
     *
     * @param key the sort columns of an item, in the order of the ORDER BY
     */
    public <T> Page<T> page(List<T> fetched, Function<? super T, Keyset> key) {
        return page(fetched, false, key);
    }

    /**
     * The same of what may end before the page is full, because its items are large.
     *
     * @param cut whether it does
     */
    public <T> Page<T> page(List<T> fetched, boolean cut, Function<? super T, Keyset> key) {
        var items = List.copyOf(fetched.subList(0, Math.min(size, fetched.size())));
        IntFunction<String> tokenAfter = index -> tokens.token(binding, key.apply(items.get(index)));
        boolean isLast = items.isEmpty() || (fetched.size() <= size && !cut);
        return new Page<>(items, isLast ? "" : tokenAfter.apply(items.size() - 1), tokenAfter);
    }

    /** The token for a page that begins somewhere else than after an item: where a search has stopped. */
    public String tokenAfter(Keyset key) {
        return tokens.token(binding, key);
    }
}
