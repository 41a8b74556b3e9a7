from __future__ import annotations

import json

import pytest

from airflow_provider_daybreak.exceptions import InvalidThemeError
from airflow_provider_daybreak.reports.picture import SIGNATURE
from airflow_provider_daybreak.reports.theme import Theme, find_theme
from tests.mail import png


def test_a_theme_lies_beside_the_template_or_one_folder_up(tmp_path):
    (tmp_path / "reports").mkdir()
    (tmp_path / "theme.toml").write_text('accent = "#123456"\n')

    assert find_theme(tmp_path / "reports").accent == "#123456"
    assert find_theme(tmp_path / "reports" / "deeper").accent != "#123456"


def test_its_colours_footer_and_logo_are_in_mail_and_page(render_files):
    theme = Theme(accent="#123456", footer="Sales team", logo=("image/png", b"\x89PNG"), logo_alt="Example")

    files = render_files("Hello\n", formats=("html", "page"), theme=theme)

    for name in ("report.html", "page.html"):
        assert b"#123456" in files[name]
        assert b"Sales team" in files[name]
        assert b'alt="Example"' in files[name]
    assert files["charts/theme.logo.png"] == b"\x89PNG"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accent = ", "Invalid value"),
        ('colour = "#123456"', "unknown key 'colour'; expected one of accent"),
        ('accent = "red"', "accent is 'red'; expected a colour like #1d5fd1"),
        ("accent = 5", "accent is 5; expected text in quotes"),
        ('series = ["blue"]', "expected a list of colours"),
        ('font = "x; } body { display: none"', "expected names of fonts"),
        ("""font = "'Segoe UI" """, "expected names of fonts"),
        ('font = "Arial, , serif"', "expected names of fonts"),
        ('font = "Source Sans 3"', "those with digits or other signs in quotes"),
        ('logo = "logo.svg"', "expected a .png file"),
        ('logo = "none.png"', "can't be read: No such file"),
    ],
)
def test_a_wrong_theme_says_what_was_expected(tmp_path, text, message):
    (tmp_path / "theme.toml").write_text(text)

    with pytest.raises(InvalidThemeError) as caught:
        Theme.load(tmp_path / "theme.toml")

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "font",
    [
        Theme().font,
        "serif",
        "Arial",
        "Times New Roman, serif",
        '"Source Sans 3", sans-serif',
        "'Noto Sans日本語'",
        "-apple-system",
    ],
)
def test_a_font_is_any_list_of_names_that_css_takes(tmp_path, font):
    (tmp_path / "theme.toml").write_text(f"font = {json.dumps(font)}\n", encoding="utf-8")

    assert Theme.load(tmp_path / "theme.toml").font == font


def test_a_theme_that_is_gone_before_it_is_read_says_so(tmp_path):
    with pytest.raises(InvalidThemeError, match="it can't be read: No such file"):
        Theme.load(tmp_path / "theme.toml")


@pytest.mark.parametrize("logo", ["../logo.png", "/etc/logo.png", ".git/logo.png", "link.png"])
def test_a_logo_lies_below_its_theme(tmp_path, logo):
    (tmp_path / "sales").mkdir()
    (tmp_path / "logo.png").write_bytes(SIGNATURE)
    (tmp_path / "sales" / "link.png").symlink_to("../logo.png")
    (tmp_path / "sales" / "theme.toml").write_text(f'logo = "{logo}"\n')

    with pytest.raises(InvalidThemeError, match="expected a picture below the theme's own folder"):
        Theme.load(tmp_path / "sales" / "theme.toml")


def test_a_logo_is_what_its_name_says(tmp_path):
    (tmp_path / "logo.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "theme.toml").write_text('logo = "logo.png"\n')

    with pytest.raises(InvalidThemeError, match="logo 'logo.png' is no image/png inside"):
        Theme.load(tmp_path / "theme.toml")

    (tmp_path / "logo.png").write_bytes(png())
    assert Theme.load(tmp_path / "theme.toml").logo[0] == "image/png"


def test_no_two_series_have_the_accents_colour():
    assert Theme(accent="#AA0000", series=("#aa0000", "#00aa00")).palette == ("#AA0000", "#00aa00")


def test_a_colour_that_is_hard_to_read_is_named(tmp_path, caplog):
    (tmp_path / "theme.toml").write_text('accent = "#ffff00"')

    Theme.load(tmp_path / "theme.toml")

    assert (
        "accent #ffff00 on background #ffffff and surface #f3f5f8 has a contrast of 1.0; people need 4.5"
        in caplog.text
    )


def test_the_theme_that_comes_with_it_is_easy_to_read():
    assert list(Theme().hard_to_read()) == []
