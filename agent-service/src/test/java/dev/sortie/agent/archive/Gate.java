package dev.sortie.agent.archive;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Stands before a server on this machine, and can cut it off in several ways. */
public final class Gate implements AutoCloseable {
    private final ServerSocket entrance;
    private final int server;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private volatile boolean closed;
    private volatile boolean silent;
    private volatile long limit = Long.MAX_VALUE;

    /** @param server the port of the server */
    public Gate(int server) {
        this.server = server;
        try {
            this.entrance = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        Thread.ofVirtual().start(this::accept);
    }

    /** Where to knock. */
    public int port() {
        return entrance.getLocalPort();
    }

    /** Lets everything through. */
    public void open() {
        change(() -> {
            closed = false;
            silent = false;
            limit = Long.MAX_VALUE;
        });
    }

    /** Ends all connections, and each new one at once. */
    public void shut() {
        change(() -> closed = true);
        cut();
    }

    /** Takes what comes, and passes nothing on. */
    public void fallSilent() {
        change(() -> silent = true);
    }

    /** Ends each connection when so many bytes have gone to the server. */
    public void cutAfter(long bytes) {
        change(() -> limit = bytes);
        cut();
    }

    private void change(Runnable change) {
        lock.lock();
        try {
            change.run();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void cut() {
        open.forEach(Gate::end);
    }

    private void accept() {
        while (!entrance.isClosed()) {
            try {
                var client = entrance.accept();
                open.add(client);
                if (closed) {
                    end(client);
                    open.remove(client);
                } else {
                    Thread.ofVirtual().start(() -> connect(client));
                }
            } catch (IOException _) {
                // closed; or the next one may do better
            }
        }
    }

    private void connect(Socket client) {
        try (client;
                var inside = new Socket(InetAddress.getLoopbackAddress(), server)) {
            open.add(inside);
            var answers = Thread.ofVirtual().start(() -> pass(inside, client, false));
            pass(client, inside, true);
            answers.join();
            open.remove(inside);
        } catch (IOException | InterruptedException _) {
            // as if cut
        } finally {
            open.remove(client);
        }
    }

    private void pass(Socket from, Socket to, boolean counted) {
        try {
            copy(from.getInputStream(), to.getOutputStream(), counted);
        } catch (IOException | InterruptedException _) {
            // one end has gone, and so does the other
        } finally {
            end(from);
            end(to);
        }
    }

    private void copy(InputStream in, OutputStream out, boolean counted) throws IOException, InterruptedException {
        var buffer = new byte[8_192];
        long passed = 0;
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
            lock.lock();
            try {
                while (silent && !closed && !entrance.isClosed()) {
                    changed.await();
                }
            } finally {
                lock.unlock();
            }
            passed += read;
            if (counted && passed > limit) {
                return;
            }
            out.write(buffer, 0, read);
            out.flush();
        }
    }

    private static void end(Socket socket) {
        try {
            socket.close();
        } catch (IOException _) {
            // it is gone
        }
    }

    @Override
    public void close() {
        try {
            entrance.close();
        } catch (IOException _) {
            // it is gone
        }
        shut();
    }
}
