package dev.sortie.runtime.process;

import dev.sortie.runtime.sql.Migrations;

/**
 * Which service this is.
 *
 * @param name as it appears in logs, in the database's list of connections, and as the actor of what the service does by
 *     itself, such as {@code mission-service}
 * @param errorDomain names the service in {@code ErrorInfo}, such as {@code mission.sortie.dev}
 * @param migrations its schema
 */
public record ServiceIdentity(String name, String errorDomain, Migrations migrations) {}
