"""Uses the generated Python client as a user would, in an environment without our packages: start, follow, fetch."""

import json
import sys

from durable_ai_research_client import Client
from durable_ai_research_client.api.default import events, report_pdf, result, start_generate_report, status
from durable_ai_research_client.models import DraftBody, EventBody, ProblemBody, ReportRequest, StatusBody

client = Client(base_url=sys.argv[1])

started = start_generate_report.sync(
    client=client, body=ReportRequest(prompt="Why do tides differ?"), idempotency_key="in-python"
)
assert started is not None
assert not isinstance(started, ProblemBody), started

# This generator reads a stream to its end and returns it as one text; a message is of the types that the document names.
followed: list[EventBody] = []
for block in events.sync(client=client, workflow_id=started.workflow_id).split("\n\n"):
    fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
    if fields.get("event") == "draft":
        DraftBody.from_dict(json.loads(fields["data"]))
    elif "data" in fields:
        followed.append(EventBody.from_dict(json.loads(fields["data"])))

stands = status.sync(client=client, workflow_id=started.workflow_id)
assert isinstance(stands, StatusBody)
pdf = report_pdf.sync(client=client, report_id=started.report_id)
refused = status.sync(client=client, workflow_id=started.workflow_id[:-4] + "0000")
assert isinstance(refused, ProblemBody)

sys.stdout.write(
    json.dumps(
        {
            "sequence": [one.seq for one in followed],
            "last": str(followed[-1].kind),
            "status": str(stands.status),
            "charges": stands.charges.to_dict(),
            "pages": result.sync(client=client, workflow_id=started.workflow_id).pages,
            "pdf": pdf.payload.read(5).decode(),
            "refused": str(refused.code),
        }
    )
)
