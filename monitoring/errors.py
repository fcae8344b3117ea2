"""Every error raised on purpose: named after the problem, its message is the sentence a person reads."""


class ModelfolioError(Exception):
    """A mistake or a state of affairs that a person can act on; its text is shown as it is."""


class InvalidModelCardError(ModelfolioError):
    """A model card, a file or a column that belongs to it is wrong; the text says what and where."""


class UnknownModelError(ModelfolioError):
    """No model has this id."""


class LostLeaseError(ModelfolioError):
    """Somebody else took over this piece of a run; what this worker found is refused."""


class LogUnreadableError(ModelfolioError):
    """A prediction log cannot be read as it is mapped."""


class IncompatibleProfilesError(ModelfolioError):
    """Two profiles were counted in different bins and cannot be added or compared."""


class RegistryOutOfDateError(ModelfolioError):
    """The registry's schema is older or newer than this program."""


class RegistryUnavailableError(ModelfolioError):
    """The registry's database does not answer."""


class SettingsError(ModelfolioError):
    """A setting is missing or wrong."""


class ForbiddenMoveError(ModelfolioError):
    """The lifecycle has no such move from the state the decision is in."""


class NotAuthorisedError(ModelfolioError):
    """This person may not do this; the text says who may."""


class StaleDecisionError(ModelfolioError):
    """Somebody else moved the decision first."""


class OpenDecisionExistsError(ModelfolioError):
    """The model already has an open decision with this action."""


class InvalidReasonError(ModelfolioError):
    """A reason or comment is missing or too short."""


class InvalidProposalError(ModelfolioError):
    """A proposal lacks something or asks for something impossible; the text says what."""


class IncompleteRetirementError(ModelfolioError):
    """A retirement cannot be approved yet; the text names what its plan lacks."""


class InvalidReportError(ModelfolioError):
    """A report of a training says something impossible; the text says what."""


class EvidenceChangedError(ModelfolioError):
    """The evidence is no longer what the approver looked at."""


class UnknownDecisionError(ModelfolioError):
    """No decision has this id."""


class UnknownPersonError(ModelfolioError):
    """No person with this e-mail address is known to the registry."""


class InvalidPersonError(ModelfolioError):
    """A person cannot be added or changed like this; the text says why."""


class AuditChainError(ModelfolioError):
    """The audit trail does not verify; the text names the first bad row."""


class NoLogRowsError(ModelfolioError):
    """Rows are asked for where only day profiles are kept."""


class SimulationError(ModelfolioError):
    """The simulated portfolio cannot be made; the text says why."""


class InvalidThresholdError(ModelfolioError):
    """A threshold may not have this value; the text names it and the range."""


class UnknownPolicyError(ModelfolioError):
    """No version of the policy, or no draft, has this number."""


class PreviewRunningError(ModelfolioError):
    """Another preview of a policy is being worked out."""
