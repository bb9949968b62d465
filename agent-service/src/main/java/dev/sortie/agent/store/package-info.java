/** The SQL of agent-service, next to its row mapping. */
@NullMarked
package dev.sortie.agent.store;

import org.jspecify.annotations.NullMarked;
