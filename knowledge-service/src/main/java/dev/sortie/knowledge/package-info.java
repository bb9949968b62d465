/** What is known: context documents with their versions, and the search over them. */
@NullMarked
package dev.sortie.knowledge;

import org.jspecify.annotations.NullMarked;
