from pathlib import Path

import pytest

from vary.data.engines.chart.engine import ChartConfig, build_chart_engine

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(scope="session")
def chart_fonts():
    """The folder of fonts that matplotlib brings: no test needs an installed font."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture(scope="session")
def chart_config(text_folder, chart_fonts):
    # Small pictures keep the tests quick.
    return ChartConfig(
        text_folder, (chart_fonts,), dpi=(72, 80), include_fonts=("DejaVu Sans", "DejaVu Serif")
    )


@pytest.fixture(scope="session")
def engine(chart_config):
    return build_chart_engine(chart_config)
