/** Black-box tests: real processes, the public contract, and nothing else. */
@NullMarked
package dev.sortie.e2e;

import org.jspecify.annotations.NullMarked;
