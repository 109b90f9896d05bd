"""The task queues, and who lives on each.

`research`       report and post workflows, stores, undos, reconciliation
`ai-tasks`       AIProcessingWorkflow, and everything that asks a model
`documents`      rendering
`notifications`  telling people, Slack
"""

RESEARCH = "research"
AI_TASKS = "ai-tasks"
DOCUMENTS = "documents"
NOTIFICATIONS = "notifications"
QUEUES = (RESEARCH, AI_TASKS, DOCUMENTS, NOTIFICATIONS)
