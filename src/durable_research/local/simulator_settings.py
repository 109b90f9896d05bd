"""The settings that put the simulator in the place of everything outside."""


def simulator_settings(
    simulator_url: str, smtp_port: int, key: str = "simulator", slack_channel: str = "C0SIMULATOR"
) -> dict[str, str]:
    """The settings that make the simulator everything outside: the model, the webhook's receiver, the mail server, Slack."""
    return {
        "OPENAI_BASE_URL": f"{simulator_url}/v1",
        "OPENAI_API_KEY": key,
        "OPENAI_MODEL": "simulator-research",
        "OPENAI_EMBEDDING_BASE_URL": f"{simulator_url}/v1",
        "OPENAI_EMBEDDING_API_KEY": key,
        "OPENAI_EMBEDDING_MODEL": "simulator-embedding",
        "DURABLE_RESEARCH_PROVIDER": "simulator",
        "DURABLE_RESEARCH_WEBHOOK_URL": f"{simulator_url}/sink/webhook",
        "SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "DURABLE_RESEARCH_EMAIL_FROM": "reports@example.org",
        "DURABLE_RESEARCH_EMAIL_TO": "operator@example.org",
        "SLACK_BOT_TOKEN": "xoxb-simulator",
        "SLACK_CHANNEL": slack_channel,
        "SLACK_API_URL": f"{simulator_url}/api/",
    }
