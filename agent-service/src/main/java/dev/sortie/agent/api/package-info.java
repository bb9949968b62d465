/** The RPCs of agent-service: decode, operate, encode. */
@NullMarked
package dev.sortie.agent.api;

import org.jspecify.annotations.NullMarked;
