"""The vocabulary of the simulated portfolio: products, countries, teams, people and input columns of an invented group.

The group has a bank, an insurer and a retailer. Nothing here is taken from anybody; the names only have to read like those
of a portfolio a committee might see.
"""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.portfolio import FeatureKind, Task

BANK, INSURER, RETAILER = "Bank", "Insurance", "Retail"
WORLD_SOURCE = "card transactions"
"""The source whose values change when the simulated world does."""
FEED_SOURCE = "credit bureau"
"""The source whose feed breaks for every model that reads it."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a model is for; ``classes`` of a multiclass one."""

    name: str
    line: str
    use_case: str
    team: str
    task: Task
    tier: int
    classes: tuple[str, ...] = ()


def _binary(name: str, line: str, use_case: str, team: str, tier: int) -> Product:
    return Product(name, line, use_case, team, Task.BINARY, tier, ("0", "1"))


def _amount(name: str, line: str, use_case: str, team: str, tier: int) -> Product:
    return Product(name, line, use_case, team, Task.REGRESSION, tier)


def _kind(name: str, line: str, use_case: str, team: str, tier: int, *classes: str) -> Product:
    return Product(name, line, use_case, team, Task.MULTICLASS, tier, classes)


PRODUCTS = (
    _binary("Mortgage default", BANK, "credit risk", "Retail credit risk", 1),
    _binary("Card fraud", BANK, "fraud", "Payments fraud", 1),
    _amount("Cash demand", BANK, "planning", "Branch operations", 3),
    _kind("Claims triage", INSURER, "claims", "Claims", 2, "fast", "standard", "expert"),
    _binary("Motor lapse", INSURER, "retention", "Motor pricing", 3),
    _amount("Fresh demand", RETAILER, "demand", "Supply chain", 2),
    _binary("SME default", BANK, "credit risk", "Corporate credit risk", 1),
    _binary("Returns", RETAILER, "demand", "Online shop", 3),
    _amount("Motor claim cost", INSURER, "pricing", "Motor pricing", 1),
    _kind("Next product", BANK, "marketing", "Customer analytics", 3, "none", "savings", "card", "loan"),
    _binary("Money mule", BANK, "fraud", "Financial crime", 1),
    _amount("Delivery time", RETAILER, "planning", "Supply chain", 3),
    _binary("Claims fraud", INSURER, "fraud", "Claims", 1),
    _amount("Income estimate", BANK, "credit risk", "Retail credit risk", 2),
    _binary("Loan default", BANK, "credit risk", "Retail credit risk", 1),
    _kind("Call reason", BANK, "service", "Customer analytics", 3, "card", "loan", "app", "other"),
    _binary("Coupon response", RETAILER, "marketing", "Loyalty", 3),
    _amount("Home claim cost", INSURER, "pricing", "Property pricing", 2),
    _binary("Transfer fraud", BANK, "fraud", "Payments fraud", 1),
    _amount("Deposit outflow", BANK, "planning", "Treasury", 1),
    _binary("Life lapse", INSURER, "retention", "Life", 2),
    _amount("Basket value", RETAILER, "marketing", "Loyalty", 3),
    _binary("Promise to pay", BANK, "collections", "Collections", 2),
    _kind("Document check", BANK, "onboarding", "Financial crime", 2, "accept", "review", "reject"),
    _binary("Stock-out", RETAILER, "demand", "Supply chain", 2),
    _amount("Loss given default", BANK, "credit risk", "Corporate credit risk", 1),
    _binary("Churn", BANK, "retention", "Customer analytics", 3),
    _amount("Apparel demand", RETAILER, "demand", "Merchandising", 2),
    _binary("Early repayment", BANK, "planning", "Treasury", 2),
    _kind("Repair routing", INSURER, "claims", "Claims", 3, "glass", "body", "engine"),
    _binary("Card default", BANK, "credit risk", "Retail credit risk", 1),
    _amount("Health cost", INSURER, "pricing", "Health", 1),
    _binary("Newsletter", RETAILER, "marketing", "Loyalty", 3),
    _amount("Store staffing", RETAILER, "planning", "Stores", 3),
    _binary("Household claim", INSURER, "pricing", "Property pricing", 2),
    _binary("Alert triage", BANK, "fraud", "Financial crime", 1),
    _amount("Customer value", RETAILER, "marketing", "Loyalty", 3),
    _kind("Product category", RETAILER, "service", "Online shop", 3, "food", "home", "clothes", "toys"),
    _binary("Overdraft", BANK, "credit risk", "Retail credit risk", 2),
    _amount("Travel claim cost", INSURER, "pricing", "Property pricing", 3),
)
COUNTRIES = ("DE", "FR", "ES", "IT", "NL", "PL", "SE", "PT", "AT", "IE", "CZ", "DK", "BE", "FI")
CHANNELS = ("", "online", "branch", "partner", "app", "phone", "new customers", "small firms")
DEMO_OWNERS = {
    BANK: ("ada@example.org", "grace@example.org", "hedy@example.org"),
    INSURER: ("katherine@example.org", "margaret@example.org"),
    RETAILER: ("mary@example.org",),
}
"""Owners one may act as in the demo."""
OTHER_OWNERS = {
    BANK: (
        ("amara.diallo@example.org", "Amara Diallo"),
        ("ben.kowalski@example.org", "Ben Kowalski"),
        ("chiara.ricci@example.org", "Chiara Ricci"),
        ("daniel.oduya@example.org", "Daniel Oduya"),
        ("elif.yilmaz@example.org", "Elif Yilmaz"),
        ("finn.jansen@example.org", "Finn Jansen"),
    ),
    INSURER: (
        ("hana.sykora@example.org", "Hana Sykora"),
        ("ines.ferreira@example.org", "Ines Ferreira"),
        ("jonas.lund@example.org", "Jonas Lund"),
        ("kaya.schmidt@example.org", "Kaya Schmidt"),
    ),
    RETAILER: (
        ("lucia.moreno@example.org", "Lucia Moreno"),
        ("maeve.kelly@example.org", "Maeve Kelly"),
        ("nils.berger@example.org", "Nils Berger"),
        ("priya.nair@example.org", "Priya Nair"),
    ),
}


@dataclass(frozen=True, slots=True)
class Input:
    """An input column: ``shape`` says how a standard normal number becomes a value.

    ``normal``: a + b z. ``positive``: a exp(b z). ``share``: logistic of a + b z. ``count``: whole numbers of a exp(b z).
    ``levels``: the level whose share of the normal distribution z falls into, most frequent first.
    """

    name: str
    source: str
    shape: str = "normal"
    a: float = 0.0
    b: float = 1.0
    levels: tuple[str, ...] = ()

    @property
    def kind(self) -> FeatureKind:
        """How the column is counted."""
        return FeatureKind.CATEGORICAL if self.levels else FeatureKind.NUMERIC


WORLD_INPUTS = (
    Input("spend_30d", WORLD_SOURCE, "positive", 640.0, 0.6),
    Input("payments_30d", WORLD_SOURCE, "count", 34.0, 0.45),
)
FEED_INPUTS = (
    Input("bureau_score", FEED_SOURCE, "normal", 610.0, 75.0),
    Input("bureau_debt", FEED_SOURCE, "positive", 8_400.0, 0.8),
)
DISTANCE = Input("distance_km", "address register", "normal", 118.0, 24.0)
COMMON_INPUTS = (
    Input("age", "customer master", "normal", 46.0, 9.0),
    Input("tenure_months", "customer master", "positive", 48.0, 0.7),
    Input("segment", "customer master", levels=("mass", "affluent", "student", "senior", "private")),
    Input("channel", "sessions", levels=("app", "web", "branch", "phone", "partner", "post")),
)
INPUTS = {
    BANK: (
        Input("income", "application form", "positive", 2_900.0, 0.5),
        Input("utilisation", "account ledger", "share", -0.7, 1.1),
        Input("balance", "account ledger", "positive", 3_100.0, 0.9),
        Input("device_risk", "device signals", "share", -1.4, 1.0),
        Input("purpose", "application form", levels=("car", "home", "move", "debt", "travel", "other")),
    ),
    INSURER: (
        Input("sum_insured", "policy system", "positive", 24_000.0, 0.6),
        Input("claims_3y", "claims history", "count", 1.6, 0.7),
        Input("vehicle_age", "policy system", "normal", 7.5, 2.1),
        Input("region_risk", "weather model", "share", -0.9, 0.9),
        Input("body_type", "policy system", levels=("saloon", "estate", "compact", "van", "sport")),
    ),
    RETAILER: (
        Input("price", "price feed", "positive", 18.5, 0.7),
        Input("stock_days", "store systems", "positive", 11.0, 0.6),
        Input("visits_7d", "clickstream", "count", 5.2, 0.8),
        Input("temperature", "weather station", "normal", 14.0, 6.0),
        Input("assortment", "price feed", levels=("core", "season", "trend", "basic", "outlet", "import")),
    ),
}
