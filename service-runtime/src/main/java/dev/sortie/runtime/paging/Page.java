package dev.sortie.runtime.paging;

import java.util.List;
import java.util.function.Function;

/**
 * Some of the items of a list.
 *
 * @param nextPageToken where the next page begins; empty on the last page
 */
public record Page<T>(List<T> items, String nextPageToken) {

    /** The same page of other items. */
    public <U> Page<U> map(Function<? super T, ? extends U> mapper) {
        return new Page<>(items.stream().<U>map(mapper).toList(), nextPageToken);
    }
}
