package dev.sortie.runtime.paging;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/** The values of the sort columns of the last row of a page: where the next page goes on. */
public final class Keyset {
    private final List<Object> values;

    private Keyset(List<Object> values) {
        this.values = values;
    }

    /** Strings, longs, instants and UUIDs, in the order of the ORDER BY. */
    public static Keyset of(Object... values) {
        return new Keyset(List.copyOf(Arrays.asList(values)));
    }

    public String text(int index) {
        return (String) values.get(index);
    }

    public long number(int index) {
        return (Long) values.get(index);
    }

    public Instant instant(int index) {
        return (Instant) values.get(index);
    }

    public UUID uuid(int index) {
        return (UUID) values.get(index);
    }

    void writeTo(ByteArrayOutputStream bytes) {
        try (var output = new DataOutputStream(bytes)) {
            output.writeByte(values.size());
            for (var value : values) {
                switch (value) {
                    case String text -> {
                        output.writeByte('s');
                        output.writeUTF(text);
                    }
                    case Number number -> {
                        output.writeByte('n');
                        output.writeLong(number.longValue());
                    }
                    case Instant instant -> {
                        output.writeByte('t');
                        output.writeLong(instant.getEpochSecond());
                        output.writeInt(instant.getNano());
                    }
                    case UUID uuid -> {
                        output.writeByte('u');
                        output.writeLong(uuid.getMostSignificantBits());
                        output.writeLong(uuid.getLeastSignificantBits());
                    }
                    default -> throw new IllegalArgumentException(value.getClass() + " in a keyset");
                }
            }
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Reads what {@link #writeTo} wrote; only ever called with what a signature vouches for. */
    static Keyset readFrom(DataInputStream input) throws IOException {
        int count = input.readUnsignedByte();
        var values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(
                    switch (input.readByte()) {
                        case 's' -> input.readUTF();
                        case 'n' -> input.readLong();
                        case 't' -> Instant.ofEpochSecond(input.readLong(), input.readInt());
                        case 'u' -> new UUID(input.readLong(), input.readLong());
                        default -> throw new IOException("an unknown type in a keyset");
                    });
        }
        return new Keyset(List.copyOf(values));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Keyset keyset && values.equals(keyset.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.toString();
    }
}
