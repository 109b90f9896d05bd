"""Makes Grafana's dashboards of our tables, by Grafana's own builders."""

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, VisibilityMode
from grafana_foundation_sdk.models.dashboard import Dashboard as Built
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef, VariableOption

from deploy.monitoring.dashboards.builders.panels import Board, Panel
from durable_research.monitoring.jobs import API, WORKER

# The address below which people read `docs`; a text box above the panels changes it.
DOCUMENTS = "/docs"
# A deployment starts processes anew. `changes` would not see one whose series are new, as those of a new pod.
DEPLOYED = f'time() - process_start_time_seconds{{job=~"{API}|{WORKER}"}} < 120'
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH, _HEIGHT = 12, 8  # two panels beside each other


def built(board: Board, documents: str = DOCUMENTS) -> Built:
    """The dashboard, as Grafana's classes hold it."""
    made = (
        dashboard.Dashboard(f"Durable Research: {board.title}")
        .uid(f"durable-research-{board.name}")
        .description(board.description)
        .tags(["durable-research"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_documents(documents))
        .annotation(_deployments())
        .link(_other_boards())
    )
    for number, panel in enumerate(board.panels, 1):
        made.with_panel(_panel(panel, number))
    return made.build()


def _panel(panel: Panel, number: int) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .id(number)
        .title(panel.title)
        .description(_description(panel))
        .datasource(_SOURCE)
        .unit(panel.unit)
        .span(_WIDTH)
        .height(_HEIGHT)
        .show_points(VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(show_legend=True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
        .links([_link(panel)])
    )
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        made.with_target(
            prometheus.Dataquery()
            .ref_id(letter)
            .datasource(_SOURCE)
            .expr(query.promql)
            .legend_format(query.legend)
            .range()
        )
    return made


def _description(panel: Panel) -> str:
    return f"{panel.description} From {panel.exporter}." if panel.exporter else panel.description


def _link(panel: Panel) -> dashboard.DashboardLink:
    title = f"Runbook: {panel.alert}" if panel.alert else "Monitoring"
    url = f"${{documents:raw}}/{panel.page}"
    return dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url).target_blank(target_blank=True)


def _documents(documents: str) -> dashboard.TextBoxVariable:
    return (
        dashboard.TextBoxVariable("documents")
        .label("Documents")
        .description("Where your copy of docs can be read; links to runbooks begin with it.")
        .default_value(documents)
        .current(VariableOption(selected=True, text=documents, value=documents))
    )


def _deployments() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Deployments")
        .datasource(_SOURCE)
        .enable(enable=True)
        .icon_color("blue")
        .expr(DEPLOYED)
    )


def _other_boards() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Durable Research")
        .type(DashboardLinkType.DASHBOARDS)
        .tags(["durable-research"])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
