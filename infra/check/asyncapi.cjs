// Reads an AsyncAPI document with the parser of its own; see api-documents.
const { readFileSync } = require('node:fs');
const { Parser, DiagnosticSeverity } = require('@asyncapi/parser');

(async () => {
    const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
    const faults = diagnostics.filter(({ severity }) => severity <= 1);
    for (const { message, path } of faults) console.error(`asyncapi: ${path.join('/')}: ${message}`);
    if (!document || faults.length > 0) process.exit(1);
    console.log(`asyncapi: ${document.messages().length} messages are as AsyncAPI ${document.version()} wants them`);
})();
