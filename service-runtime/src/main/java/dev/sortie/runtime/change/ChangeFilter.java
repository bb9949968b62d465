package dev.sortie.runtime.change;

import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which changes a watcher is to see.
 *
 * @param resourceTypes those of these types; empty means all
 * @param carrying by type, of which attributes a change must carry at least one; of other types all are seen
 */
public record ChangeFilter(Set<String> resourceTypes, Map<String, Set<String>> carrying) {
    public ChangeFilter {
        resourceTypes = Set.copyOf(resourceTypes);
        carrying = carrying.entrySet().stream()
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, entry -> Set.copyOf(entry.getValue())));
    }

    /** All changes of some types; empty means all types. */
    public static ChangeFilter of(Set<String> resourceTypes) {
        return new ChangeFilter(resourceTypes, Map.of());
    }

    boolean concerns(LoggedChange change) {
        if (!resourceTypes.isEmpty() && !resourceTypes.contains(change.resourceType())) {
            return false;
        }
        var wanted = carrying.get(change.resourceType());
        return wanted == null || wanted.stream().anyMatch(change::carries);
    }
}
