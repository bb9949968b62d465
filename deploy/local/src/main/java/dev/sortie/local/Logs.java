package dev.sortie.local;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.rolling.FixedWindowRollingPolicy;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy;
import ch.qos.logback.core.util.FileSize;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.LogManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * Where the log goes: into a bounded set of files in the data folder, so that the terminal tells people what matters.
 * Its format and levels are those the servers have as processes of their own.
 */
final class Logs {

    private static final String LARGEST_FILE = "10MB";
    private static final int OLD_FILES = 4;

    private static @Nullable Encoder<ILoggingEvent> encoder;

    private Logs() {}

    /** Logs nothing, until there is a folder for it. */
    static void off() {
        var root = root();
        for (var appenders = root.iteratorForAppenders(); appenders.hasNext(); ) {
            if (appenders.next() instanceof OutputStreamAppender<ILoggingEvent> console) {
                encoder = console.getEncoder();
            }
        }
        root.iteratorForAppenders().forEachRemaining(root::detachAppender);
        // What a library tells java.util.logging at its start is no news to whoever waits at the terminal.
        for (var handler : LogManager.getLogManager().getLogger("").getHandlers()) {
            handler.setLevel(Level.WARNING);
        }
    }

    /** Logs into {@code sortie.log} in a folder. */
    static void to(Path folder) {
        if (encoder == null) {
            return;
        }
        var root = root();
        var context = root.getLoggerContext();
        var file = folder.resolve("sortie.log").toString();

        var appender = new RollingFileAppender<ILoggingEvent>();
        appender.setContext(context);
        appender.setFile(file);
        appender.setEncoder(encoder);

        var rolling = new FixedWindowRollingPolicy();
        rolling.setContext(context);
        rolling.setParent(appender);
        rolling.setFileNamePattern(file + ".%i");
        rolling.setMinIndex(1);
        rolling.setMaxIndex(OLD_FILES);
        rolling.start();
        appender.setRollingPolicy(rolling);

        var trigger = new SizeBasedTriggeringPolicy<ILoggingEvent>();
        trigger.setContext(context);
        trigger.setMaxFileSize(FileSize.valueOf(LARGEST_FILE));
        trigger.start();
        appender.setTriggeringPolicy(trigger);
        appender.start();
        root.addAppender(appender);
    }

    private static Logger root() {
        var context = (LoggerContext) LoggerFactory.getILoggerFactory();
        return context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    }
}
