/** What goes on between this service and agent-service: orders go out through the outbox, their outcomes come back. */
@NullMarked
package dev.sortie.mission.work;

import org.jspecify.annotations.NullMarked;
