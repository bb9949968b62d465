package dev.sortie.runtime.testing.plans;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** A node of a plan, as EXPLAIN tells it, with those below it. What was not measured is 0. */
public final class QueryPlan {
    private final Struct node;

    private QueryPlan(Struct node) {
        this.node = node;
    }

    /** Reads what {@code EXPLAIN (FORMAT JSON)} answers. */
    static QueryPlan parse(String json) {
        var plans = ListValue.newBuilder();
        try {
            JsonFormat.parser().merge(json, plans);
        } catch (InvalidProtocolBufferException broken) {
            throw new IllegalArgumentException(json, broken);
        }
        return new QueryPlan(
                plans.getValues(0).getStructValue().getFieldsOrThrow("Plan").getStructValue());
    }

    /** What it does, such as {@code Seq Scan}. */
    public String type() {
        return text("Node Type");
    }

    /** The table that it reads; empty when it reads none. */
    public String table() {
        return text("Relation Name");
    }

    /** The index that it reads; empty when it reads none. */
    public String index() {
        return text("Index Name");
    }

    /** How many rows it returned, each time that it ran. */
    public double rows() {
        return number("Actual Rows");
    }

    /** How many pages it and those below it touched. */
    public long buffers() {
        return Math.round(number("Shared Hit Blocks") + number("Shared Read Blocks"));
    }

    /** This node and all below it. */
    public Stream<QueryPlan> nodes() {
        return Stream.concat(Stream.of(this), children().flatMap(QueryPlan::nodes));
    }

    /** The tables of a kind that are read from end to end. */
    public List<String> readWhole(Predicate<String> tables) {
        return nodes().filter(node -> node.type().equals("Seq Scan"))
                .map(QueryPlan::table)
                .filter(tables)
                .toList();
    }

    /** How many rows of a kind of tables were looked at, those included that were not wanted. */
    public long read(Predicate<String> tables) {
        return Math.round(
                nodes().filter(node -> !node.table().isEmpty() || !node.index().isEmpty())
                        .filter(node -> !node.type().equals("Bitmap Heap Scan")
                                && !node.type().equals("ModifyTable"))
                        .filter(node -> node.table().isEmpty() || tables.test(node.table()))
                        .mapToDouble(node -> (node.rows()
                                        + node.number("Rows Removed by Filter")
                                        + node.number("Rows Removed by Index Recheck"))
                                * node.number("Actual Loops"))
                        .sum());
    }

    @Override
    public String toString() {
        return describe("  ");
    }

    private String describe(String indent) {
        var line = new StringBuilder(indent).append(type());
        for (var part : List.of("Relation Name", "Index Name", "Index Cond", "Filter", "Actual Rows", "Actual Loops")) {
            if (node.containsFields(part)) {
                line.append(", ").append(part).append(' ').append(text(part));
            }
        }
        children().forEach(child -> line.append('\n').append(child.describe(indent + "  ")));
        return line.toString();
    }

    private Stream<QueryPlan> children() {
        return node.getFieldsOrDefault("Plans", Value.getDefaultInstance()).getListValue().getValuesList().stream()
                .map(child -> new QueryPlan(child.getStructValue()));
    }

    private String text(String name) {
        var value = node.getFieldsOrDefault(name, Value.getDefaultInstance());
        return value.hasNumberValue() ? Double.toString(value.getNumberValue()) : value.getStringValue();
    }

    private double number(String name) {
        return node.getFieldsOrDefault(name, Value.getDefaultInstance()).getNumberValue();
    }
}
