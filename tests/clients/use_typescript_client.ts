// Uses the generated TypeScript client as a person would: start, follow, fetch. The compiler checks it against the types.
import { events, reportPdf, result, startGenerateReport, status } from "./client/sdk.gen";
import { client } from "./client/client.gen";
import type { DraftBody, EventBody } from "./client/types.gen";

declare const process: { argv: Array<string | undefined> };

async function main(): Promise<void> {
  client.setConfig({ baseUrl: process.argv[2] ?? "" });
  const always = { throwOnError: true } as const;

  const { data: started } = await startGenerateReport({
    ...always,
    body: { prompt: "Why do tides differ?" },
    headers: { "Idempotency-Key": "in-typescript" },
  });
  const path = { workflow_id: started.workflow_id };

  const followed: EventBody[] = [];
  const { stream } = await events({ path });
  for await (const item of stream) {
    const message = item as EventBody | DraftBody;
    if ("seq" in message) {
      followed.push(message);
    }
  }

  const { data: stands } = await status({ ...always, path });
  const { data: made } = await result({ ...always, path });
  const { data: pdf } = await reportPdf({ ...always, path: { report_id: started.workflow_id } });
  const { error: refused } = await status({ path: { workflow_id: started.workflow_id.slice(0, -4) + "0000" } });

  console.log(
    JSON.stringify({
      sequence: followed.map((one) => one.seq),
      last: followed[followed.length - 1]?.kind,
      status: stands.status,
      charges: stands.charges,
      pages: "pages" in made ? made.pages : null,
      pdf: await pdf.slice(0, 5).text(),
      refused: refused?.code,
    }),
  );
}

void main();
