package dev.sortie.runtime.testing;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.platform.commons.support.ReflectionSupport;
import org.opentest4j.TestAbortedException;

/**
 * Runs a test that failed once more at once, and notes it in a file when it passes then. Continuous integration switches
 * this on, on machines whose load it does not know; a contributor's run stays strict. What the file names is a fault of
 * the test or of the product all the same.
 */
public final class SecondTry implements InvocationInterceptor {
    /** Where the tests are noted that passed the second time, with what they failed of, in the module's folder. */
    static final Path NOTES = Path.of("target", "second-tries.txt");

    private final Path notes;

    public SecondTry() {
        this(NOTES);
    }

    SecondTry(Path notes) {
        this.notes = notes;
    }

    @Override
    public void interceptTestMethod(
            Invocation<Void> first, ReflectiveInvocationContext<Method> method, ExtensionContext context)
            throws Throwable {
        tryTwice(first, method, context);
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<Void> first, ReflectiveInvocationContext<Method> method, ExtensionContext context)
            throws Throwable {
        tryTwice(first, method, context);
    }

    private void tryTwice(Invocation<Void> first, ReflectiveInvocationContext<Method> method, ExtensionContext context)
            throws Throwable {
        try {
            first.proceed();
        } catch (TestAbortedException assumedAway) {
            throw assumedAway;
        } catch (Exception | AssertionError failed) {
            try {
                ReflectionSupport.invokeMethod(
                        method.getExecutable(),
                        method.getTarget().orElse(null),
                        method.getArguments().toArray());
            } catch (Exception | AssertionError again) {
                failed.addSuppressed(again);
                throw failed;
            }
            note(context, failed);
        }
    }

    private void note(ExtensionContext context, Throwable failed) throws IOException {
        var trace = new StringWriter();
        failed.printStackTrace(new PrintWriter(trace));
        var note = "%s, %s: %s%n"
                .formatted(context.getRequiredTestClass().getName(), context.getDisplayName(), trace.toString());
        Files.writeString(notes, note, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
}
