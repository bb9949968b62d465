package dev.sortie.runtime.testing.plans;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A call of an RPC that lists something.
 *
 * @param fields what the request says
 * @param isSingle true when there is at most one filter beside what the request must have
 */
public record ListCall(MethodDescriptor method, Map<FieldDescriptor, Object> fields, boolean isSingle) {

    /** The same that says one thing more. */
    public ListCall with(FieldDescriptor field, Object value, boolean isSingle) {
        var all = new LinkedHashMap<>(fields);
        all.put(field, value);
        return new ListCall(method, all, isSingle);
    }

    /** The same by the field's name. */
    public ListCall with(String field, Object value, boolean isSingle) {
        return with(method.getInputType().findFieldByName(field), value, isSingle);
    }

    @Override
    public String toString() {
        return method.getName()
                + fields.entrySet().stream()
                        .map(field -> field.getKey().getName() + " = "
                                + field.getValue().toString().strip().replace('\n', ' '))
                        .collect(Collectors.joining(", ", "(", ")"));
    }
}
