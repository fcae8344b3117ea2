from dashboard.pack.making import PACKS
from data_access.registry import Registry
from tests.dashboard.conftest import Open


def test_an_evidence_pack_of_the_scope_is_made_beside_the_page_and_kept(registry: Registry, open_page: Open) -> None:
    page = open_page(tier="1", verdict="retrain")
    assert [element for element in page.markdown if "Covers: Tier 1" in str(element.value)]
    page.button(key="pk_make").click().run()
    PACKS._worker.submit(int).result()
    page.run()

    labels = [button.proto.label.split(" ")[0] for button in page.get("download_button")]
    assert labels == ["CSV", "HTML", "PowerPoint"]
    assert not [button for button in page.button if button.key == "pk_make"]
