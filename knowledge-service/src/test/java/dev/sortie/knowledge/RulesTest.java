package dev.sortie.knowledge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sortie.knowledge.domain.DocumentType;
import dev.sortie.runtime.testing.HouseRules;
import dev.sortie.runtime.testing.MigrationRules;
import dev.sortie.runtime.testing.TestDatabase;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RulesTest {
    @AutoClose
    private static final TestDatabase DATABASE = TestKnowledge.database();

    @Test
    void keepsTheHouseRules() {
        HouseRules.ofService("dev.sortie.knowledge").check();
    }

    @Test
    void migrationsKeepTheirRules() {
        MigrationRules.check("db/migration/knowledge");
        MigrationRules.checkSchema(DATABASE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "context_documents_document_type_check",
                "context_document_versions_document_type_check",
            })
    void documentTypesAreTheSameInDatabaseDomainAndContract(String constraint) throws SQLException {
        var names = Arrays.stream(DocumentType.values()).map(Enum::name).toList();

        assertThat(allowed(constraint)).containsExactlyInAnyOrderElementsOf(names);
        assertThat(dev.sortie.knowledge.v1.DocumentType.getDescriptor().getValues())
                .extracting(value -> value.getName().replace("DOCUMENT_TYPE_", ""))
                .filteredOn(name -> !name.equals("UNSPECIFIED"))
                .containsExactlyInAnyOrderElementsOf(names);
    }

    private static List<String> allowed(String constraint) throws SQLException {
        try (var connection = DATABASE.connectAsOwner();
                var statement = connection.prepareStatement(
                        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = ?")) {
            statement.setString(1, constraint);
            try (var rows = statement.executeQuery()) {
                assertThat(rows.next()).as(constraint).isTrue();
                return Pattern.compile("'([A-Z_]+)'")
                        .matcher(rows.getString(1))
                        .results()
                        .map(match -> match.group(1))
                        .toList();
            }
        }
    }
}
