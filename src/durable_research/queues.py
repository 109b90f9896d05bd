"""The task queues, and the workflows and activities on each.

`research`       report and post workflows, stores, undos, reconciliation
`ai-tasks`       AIProcessingWorkflow, and every model call
`documents`      rendering
`notifications`  notifications, Slack
"""

RESEARCH = "research"
AI_TASKS = "ai-tasks"
DOCUMENTS = "documents"
NOTIFICATIONS = "notifications"
QUEUES = (RESEARCH, AI_TASKS, DOCUMENTS, NOTIFICATIONS)
