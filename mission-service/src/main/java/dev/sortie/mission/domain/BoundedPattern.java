package dev.sortie.mission.domain;

import com.networknt.schema.SchemaException;
import com.networknt.schema.regex.RegularExpression;
import com.networknt.schema.regex.RegularExpressions;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A pattern of a schema. Whoever puts a tool writes it, and there are patterns that would search a short text for years:
 * all patterns of one validation together may look at so many characters, and then give up.
 */
record BoundedPattern(Pattern pattern) implements RegularExpression {
    private static final long CHARACTERS = 20_000_000; // about half a second
    private static final ScopedValue<Budget> BUDGET = ScopedValue.newInstance();

    /** Takes the pattern as ECMA 262 has it, as far as Java can. */
    static BoundedPattern of(String regex) {
        var java =
                RegularExpressions.replaceLongformCharacterProperties(RegularExpressions.replaceDollarAnchors(regex));
        try {
            return new BoundedPattern(Pattern.compile(java));
        } catch (PatternSyntaxException malformed) {
            throw new SchemaException("the pattern " + regex + " is malformed");
        }
    }

    /** Runs a validation with a budget of its own. */
    static <T> T within(Supplier<T> validation) {
        return ScopedValue.where(BUDGET, new Budget()).call(validation::get);
    }

    @Override
    public boolean matches(String value) {
        var budget = BUDGET.isBound() ? BUDGET.get() : new Budget();
        return pattern.matcher(new Counted(value, budget)).find();
    }

    private static final class Budget {
        private long left = CHARACTERS;
    }

    /** A text that counts how often somebody looks at it. */
    private record Counted(CharSequence text, Budget budget) implements CharSequence {
        @Override
        public char charAt(int index) {
            if (--budget.left < 0) {
                throw new SchemaException("a pattern of the schema takes too long to search this value");
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new Counted(text.subSequence(start, end), budget);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}
