/** What is to be done: users, tools, missions, hops, tool steps and assets. */
@NullMarked
package dev.sortie.mission;

import org.jspecify.annotations.NullMarked;
