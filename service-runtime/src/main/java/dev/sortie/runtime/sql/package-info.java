/** The database: statements, transactions, migrations. */
@NullMarked
package dev.sortie.runtime.sql;

import org.jspecify.annotations.NullMarked;
