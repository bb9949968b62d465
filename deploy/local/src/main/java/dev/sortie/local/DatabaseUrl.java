package dev.sortie.local;

import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;

/**
 * A database and a role to use it as.
 *
 * @param host host name or address
 * @param port port
 * @param database the database
 * @param user the role
 * @param password its password; empty for none
 * @param query the query part of the URL ("sslmode=require"), or empty
 */
record DatabaseUrl(String host, int port, String database, String user, String password, String query) {

    /**
     * Reads {@code postgresql://user:password@host:port/database?query}.
     *
     * @throws IllegalArgumentException if it is none; the message does not repeat the URL, which has a
     *     password in it
     */
    static DatabaseUrl parse(String url) {
        URI uri;
        try {
            uri = new URI(url);
        } catch (java.net.URISyntaxException e) {
            throw new IllegalArgumentException("not a URL: " + e.getReason());
        }
        var scheme = uri.getScheme();
        var host = uri.getHost();
        var userInfo = uri.getRawUserInfo();
        if (!("postgresql".equals(scheme) || "postgres".equals(scheme)) || host == null || userInfo == null) {
            throw new IllegalArgumentException(
                    "not a PostgreSQL URL (expected: postgresql://user:password@host:port/database)");
        }
        var colon = userInfo.indexOf(':');
        var path = uri.getPath();
        var query = uri.getRawQuery();
        return new DatabaseUrl(
                host,
                uri.getPort() < 0 ? 5432 : uri.getPort(),
                path == null || path.length() < 2 ? "postgres" : path.substring(1),
                decode(colon < 0 ? userInfo : userInfo.substring(0, colon)),
                colon < 0 ? "" : decode(userInfo.substring(colon + 1)),
                query == null ? "" : query);
    }

    /** The same server, another database and role. */
    DatabaseUrl with(String otherDatabase, String otherUser, String otherPassword) {
        return new DatabaseUrl(host, port, otherDatabase, otherUser, otherPassword, query);
    }

    Connection connect() throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        properties.setProperty("ApplicationName", "sortie-local");
        return DriverManager.getConnection(
                "jdbc:postgresql://" + host + ":" + port + "/" + database + suffix(), properties);
    }

    /** With the password, for settings; never for people. */
    String toUrl() {
        return "postgresql://"
                + encode(user)
                + (password.isEmpty() ? "" : ":" + encode(password))
                + "@"
                + host
                + ":"
                + port
                + "/"
                + database
                + suffix();
    }

    /** Without the password. */
    @Override
    public String toString() {
        return "postgresql://" + encode(user) + "@" + host + ":" + port + "/" + database;
    }

    private String suffix() {
        return query.isEmpty() ? "" : "?" + query;
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static String decode(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }
}
