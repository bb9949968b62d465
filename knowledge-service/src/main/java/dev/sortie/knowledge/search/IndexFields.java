package dev.sortie.knowledge.search;

import dev.sortie.knowledge.domain.ContextDocument;
import dev.sortie.knowledge.domain.DocumentType;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.document.SortedDocValuesField;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.StoredFields;
import org.apache.lucene.index.Term;
import org.apache.lucene.util.BytesRef;

/**
 * What the index keeps of a document. It keeps all of it, so that an answer is made from the index alone and shows each
 * document as of the revision that the search saw.
 */
final class IndexFields {
    /** To be raised whenever an index made by older code is not what this code would make: it is then made anew. */
    static final String SCHEMA = "1";

    static final String ID = "id";
    /** The words of content, title and title again: those of the title count twice. Content is first: see below. */
    static final String TEXT = "text";

    static final String TYPE = "type";
    static final String TAG = "tag";
    static final String REPOSITORY = "repository";

    private static final String TITLE = "title";
    private static final String CONTENT = "content";
    private static final String METADATA = "metadata";
    private static final String CREATED_BY = "created_by";
    private static final String VERSION_NUMBER = "version_number";
    private static final String CREATED_AT = "created_at";
    private static final String UPDATED_AT = "updated_at";
    private static final String ROW_VERSION = "row_version";

    // With offsets, which count on through the values of a field: those within the content's length are in the content.
    private static final FieldType WORDS = words();

    private IndexFields() {}

    static Document toIndex(ContextDocument document) {
        var fields = new Document();
        fields.add(new StringField(ID, document.id().toString(), Field.Store.YES));
        fields.add(new SortedDocValuesField(ID, new BytesRef(document.id().toString())));
        fields.add(new Field(TEXT, document.content(), WORDS));
        fields.add(new Field(TEXT, document.title(), WORDS));
        fields.add(new Field(TEXT, document.title(), WORDS));
        fields.add(new StringField(TYPE, document.type().name(), Field.Store.YES));
        document.tags().forEach(tag -> fields.add(new StringField(TAG, tag, Field.Store.YES)));
        fields.add(new StringField(REPOSITORY, document.repositoryUrl(), Field.Store.YES));
        fields.add(new StoredField(TITLE, document.title()));
        fields.add(new StoredField(CONTENT, document.content()));
        fields.add(new StoredField(METADATA, document.metadata()));
        if (document.createdBy() != null) {
            fields.add(new StoredField(CREATED_BY, document.createdBy().toString()));
        }
        fields.add(new StoredField(VERSION_NUMBER, document.versionNumber()));
        fields.add(new StoredField(CREATED_AT, document.createdAt().toString()));
        fields.add(new StoredField(UPDATED_AT, document.updatedAt().toString()));
        fields.add(new StoredField(ROW_VERSION, document.rowVersion()));
        return fields;
    }

    static ContextDocument fromIndex(StoredFields stored, int number) throws IOException {
        var fields = stored.document(number);
        var createdBy = fields.get(CREATED_BY);
        return new ContextDocument(
                UUID.fromString(fields.get(ID)),
                fields.get(TITLE),
                DocumentType.valueOf(fields.get(TYPE)),
                fields.get(CONTENT),
                fields.get(REPOSITORY),
                List.of(fields.getValues(TAG)),
                fields.get(METADATA),
                createdBy == null ? null : UUID.fromString(createdBy),
                fields.getField(VERSION_NUMBER).numericValue().intValue(),
                Instant.parse(fields.get(CREATED_AT)),
                Instant.parse(fields.get(UPDATED_AT)),
                null, // hidden documents are not in the index
                fields.getField(ROW_VERSION).numericValue().longValue());
    }

    static Term id(UUID id) {
        return new Term(ID, id.toString());
    }

    private static FieldType words() {
        var type = new FieldType();
        type.setTokenized(true);
        type.setIndexOptions(IndexOptions.DOCS_AND_FREQS_AND_POSITIONS_AND_OFFSETS);
        type.freeze();
        return type;
    }
}
