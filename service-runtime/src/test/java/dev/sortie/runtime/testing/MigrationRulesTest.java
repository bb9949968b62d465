package dev.sortie.runtime.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MigrationRulesTest {

    private static final String HEADER = """
            -- Adds what hops need.
            -- Cost: milliseconds.
            -- Locks: none that last.
            -- If it stops: run it again.
            SET lock_timeout = '5s';
            SET statement_timeout = '60s';
            """;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "CREATE TABLE hops (id uuid PRIMARY KEY, at timestamptz); CREATE INDEX hops_at ON hops (at);",
                "CREATE TABLE hops (id uuid); ALTER TABLE hops ADD CONSTRAINT hops_pkey PRIMARY KEY (id);",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS hops_at ON hops (at);",
                "DROP INDEX CONCURRENTLY hops_at;",
                "ALTER TABLE hops ADD COLUMN note text;",
                "ALTER TABLE hops ADD COLUMN note text NOT NULL DEFAULT '';",
                "ALTER TABLE hops ADD COLUMN note text DEFAULT '' NOT NULL;",
                "ALTER TABLE hops ADD CONSTRAINT note_size CHECK (length(note) < 9) NOT VALID;",
                "ALTER TABLE hops VALIDATE CONSTRAINT note_size;",
                "ALTER TABLE hops DROP CONSTRAINT note_size;",
                "ALTER TABLE hops ADD CONSTRAINT hops_key UNIQUE USING INDEX hops_key;",
                "ALTER TYPE state ADD VALUE 'LOST';",
                "COMMENT ON TABLE hops IS 'DROP TABLE hops; SELECT nothing';",
            })
    void acceptsWhatIsSafeBesideTheRunningRelease(String sql) {
        assertThat(MigrationRules.violations("V2__hops.sql", HEADER + sql)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    DROP TABLE hops;                                              | previous release
                    DROP INDEX hops_at;                                           | CONCURRENTLY
                    TRUNCATE hops;                                                | takes the table
                    ALTER TABLE hops DROP COLUMN note;                            | drop it a release after
                    ALTER TABLE hops DROP note;                                   | drop it a release after
                    ALTER TABLE IF EXISTS hops RENAME COLUMN note TO remark;      | old name
                    ALTER TABLE hops RENAME TO jumps;                             | old name
                    ALTER TABLE hops ALTER COLUMN note TYPE varchar;              | rewrites
                    ALTER TABLE hops ALTER note SET DATA TYPE varchar;            | rewrites
                    ALTER TABLE hops ALTER COLUMN note SET NOT NULL;              | whole table
                    ALTER TABLE hops ADD COLUMN note text NOT NULL;               | without DEFAULT
                    ALTER TABLE hops ADD CONSTRAINT size CHECK (length(note) < 9);| NOT VALID
                    ALTER TABLE hops ADD UNIQUE (note);                           | needs a name
                    CREATE INDEX hops_at ON hops (at);                            | CONCURRENTLY
                    CREATE UNIQUE INDEX hops_at ON ONLY hops (at);                | CONCURRENTLY
                    ALTER TYPE state RENAME VALUE 'LOST' TO 'GONE';               | old form
                    CREATE VIEW all_hops AS SELECT * FROM hops;                   | name the columns
                    CREATE TABLE hops (id uuid, at timestamp);                    | timestamptz
                    """)
    void refusesWhatIsNot(String sql, String why) {
        assertThat(MigrationRules.violations("V2__hops.sql", HEADER + sql))
                .singleElement()
                .asString()
                .startsWith("V2__hops.sql: ")
                .contains(why);
    }

    @Test
    void asksForNotesTimeoutsAndAName() {
        assertThat(MigrationRules.violations("2-hops.sql", "CREATE TABLE hops (id uuid);"))
                .satisfiesExactlyInAnyOrder(
                        broken -> assertThat(broken).contains("name"),
                        broken -> assertThat(broken).contains("Cost"),
                        broken -> assertThat(broken).contains("Locks"),
                        broken -> assertThat(broken).contains("If it stops"),
                        broken -> assertThat(broken).contains("lock_timeout"),
                        broken -> assertThat(broken).contains("statement_timeout"));
    }

    @Test
    void theRuntimesMigrationsKeepThem() {
        MigrationRules.check("db/runtime");
    }

    @Test
    void failsWhereThereIsNoMigration() {
        assertThatThrownBy(() -> MigrationRules.check("db/migration/nowhere"))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("db/migration/nowhere");
    }

    @Test
    void namesForeignKeysWithoutIndexTablesWithoutKeyAndConstraintsNeverValidated() {
        try (var database = TestPostgres.emptyDatabase()) {
            database.execute(
                    "CREATE TABLE missions (id uuid PRIMARY KEY)",
                    "CREATE TABLE hops (id uuid PRIMARY KEY, mission_id uuid REFERENCES missions)",
                    "CREATE TABLE steps (id uuid PRIMARY KEY, mission_id uuid REFERENCES missions)",
                    "CREATE INDEX steps_mission ON steps (mission_id, id)",
                    "CREATE TABLE notes (text text)",
                    "ALTER TABLE notes ADD CONSTRAINT notes_size CHECK (length(text) < 9) NOT VALID");

            assertThatThrownBy(() -> MigrationRules.checkSchema(database))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("hops.hops_mission_id_fkey")
                    .hasMessageContaining("notes.notes_size")
                    .hasMessageContaining("notes: the table has no primary key")
                    .hasMessageNotContaining("steps");
        }
    }
}
