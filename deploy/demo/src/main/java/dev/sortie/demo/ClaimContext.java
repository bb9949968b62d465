package dev.sortie.demo;

import dev.sortie.demo.SurveyTool.StoredDocument;
import dev.sortie.knowledge.v1.ContextDocument;
import dev.sortie.knowledge.v1.ContextDocumentServiceGrpc.ContextDocumentServiceBlockingStub;
import dev.sortie.knowledge.v1.CreateContextDocumentRequest;
import dev.sortie.knowledge.v1.DocumentType;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What a tool has at hand while it works on a claim. */
record ClaimContext(String workOrderId, ExecutionLog executionLog, ContextDocumentServiceBlockingStub documents)
        implements SurveyTool.WorkContext {

    @Override
    public void log(String message) {
        executionLog.add(message);
    }

    @Override
    public StoredDocument store(String title, String content, String repositoryUrl, List<String> tags) {
        // The order's id as request id: however often the order is attempted, there is one document.
        var request = CreateContextDocumentRequest.newBuilder()
                .setContextDocument(ContextDocument.newBuilder()
                        .setTitle(title)
                        .setDocumentType(DocumentType.DOCUMENT_TYPE_REFERENCE)
                        .setContent(content)
                        .setRepositoryUrl(repositoryUrl)
                        .addAllTags(tags))
                .setRequestId(workOrderId)
                .build();
        var response = Connection.patiently(
                () -> documents.withDeadlineAfter(10, TimeUnit.SECONDS).createContextDocument(request));
        return new StoredDocument(response.getContextDocument().getContextDocumentId(), response.getRevision());
    }
}
