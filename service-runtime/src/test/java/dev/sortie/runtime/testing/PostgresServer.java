package dev.sortie.runtime.testing;

import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;

/**
 * A PostgreSQL server the tests may do anything with, and its superuser.
 *
 * @param origin where the server came from, for messages: "embedded", "SORTIE_TEST_DATABASE_URL" …
 * @param host the host name or address
 * @param port the port
 * @param user a superuser
 * @param password the superuser's password; empty where the server asks for none
 * @param database the database the superuser connects to
 * @param query the query part of the URL ("sslmode=require"), or empty; kept in every URL made from
 *     this server
 * @param outlivesUs whether the server goes on after this JVM, so that what the tests made there
 *     has to be dropped
 */
record PostgresServer(
        String origin,
        String host,
        int port,
        String user,
        String password,
        String database,
        String query,
        boolean outlivesUs) {

    /** Reads {@code postgresql://user:password@host:port/database?query}, with or without "jdbc:". */
    static PostgresServer parse(String origin, String url) {
        URI uri;
        try {
            uri = URI.create(url.startsWith("jdbc:") ? url.substring("jdbc:".length()) : url);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(origin + " is not a URL: " + e.getMessage());
        }
        var scheme = String.valueOf(uri.getScheme());
        if (!(scheme.equals("postgresql") || scheme.equals("postgres")) || uri.getHost() == null) {
            throw new IllegalArgumentException(
                    origin + " is not a PostgreSQL URL (expected: postgresql://user:password@host:port/postgres)");
        }
        var userInfo = uri.getRawUserInfo() == null ? "postgres" : uri.getRawUserInfo();
        var colon = userInfo.indexOf(':');
        var user = colon < 0 ? userInfo : userInfo.substring(0, colon);
        var password = colon < 0 ? "" : userInfo.substring(colon + 1);
        var path = uri.getPath() == null ? "" : uri.getPath();
        return new PostgresServer(
                origin,
                uri.getHost(),
                uri.getPort() < 0 ? 5432 : uri.getPort(),
                decode(user),
                decode(password),
                path.length() < 2 ? "postgres" : path.substring(1),
                uri.getRawQuery() == null ? "" : uri.getRawQuery(),
                true);
    }

    /** The same server, taken for one that goes on after this JVM. */
    PostgresServer outliving() {
        return new PostgresServer(origin, host, port, user, password, database, query, true);
    }

    /** The URL of a database for a role, as the SORTIE_*DATABASE_URL settings take it. */
    String url(String database, String user, String password) {
        return "postgresql://"
                + encode(user)
                + (password.isEmpty() ? "" : ":" + encode(password))
                + "@"
                + host
                + ":"
                + port
                + "/"
                + database
                + (query.isEmpty() ? "" : "?" + query);
    }

    /** Opens a JDBC connection to a database as a role. */
    Connection connect(String database, String user, String password) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        return DriverManager.getConnection(
                "jdbc:postgresql://" + host + ":" + port + "/" + database + (query.isEmpty() ? "" : "?" + query),
                properties);
    }

    /** Opens a JDBC connection as the superuser. */
    Connection connect() throws SQLException {
        return connect(database, user, password);
    }

    /** Runs statements as the superuser, each in a transaction of its own. */
    void execute(String database, String... statements) throws SQLException {
        try (var connection = connect(database, user, password);
                var statement = connection.createStatement()) {
            for (var sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static String decode(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }
}
