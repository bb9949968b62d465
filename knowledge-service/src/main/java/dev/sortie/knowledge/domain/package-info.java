/** Context documents, their versions and the rules that hold for them. */
@NullMarked
package dev.sortie.knowledge.domain;

import org.jspecify.annotations.NullMarked;
