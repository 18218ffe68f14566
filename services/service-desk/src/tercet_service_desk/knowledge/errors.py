"""Refusals of the knowledge base."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class KnowledgeCategoryNotFound(InvalidArgument):
    """A category that is not there was named."""

    text = "There is no category {code}; add it first or choose another."


class KnowledgeCategoryCircle(InvalidArgument):
    """A category would stand below itself."""

    text = "{code} would stand below itself; choose a parent that is not below it."
    field = "knowledge_category.parent_code"


class KnowledgeCategoryInUse(FailedPrecondition):
    """A category with something below it was to be deleted."""

    text = "Articles or categories stand below {code}; move them first."
    field = "id"


class ArticleVersionFixed(FailedPrecondition):
    """A version that is no draft was to be changed."""

    text = "This version is {state} and stays as it is; restore it to go on with its text in a new draft."
    field = "article_version.id"


class ArticleVersionNotDraft(FailedPrecondition):
    """A version that is no draft was to be handed in."""

    text = "This version is {state}; only a draft can be handed in."
    field = "id"


class ArticleVersionNotInReview(FailedPrecondition):
    """A version that is not in review was to be published or given back."""

    text = "This version is {state}; only one that was submitted can be published or given back."
    field = "id"


class ArticleNotFound(NotFound):
    """No article that this reader may read has this name."""

    text = "There is no published article {code} for you; search for it, or ask whoever looks after it."
    field = "code"


class ArticleUnitOutOfReach(PermissionDenied):
    """An article was to be given to a unit that the caller may not act for."""

    text = "You may not give articles to the unit {unit_id}; choose units of yours, or leave them out for everybody."


class TextOrTicketNeeded(InvalidArgument):
    """A suggestion was asked for without a text and without a ticket."""

    text = "Give the text that is being written, or the ticket that is being answered."
    field = "text"


class ReadingNotFound(NotFound):
    """A reading that is not there was to be rated."""

    text = "There is no such reading; open the article and use the reading_id of the answer."
    field = "id"


class SuggestionNotFound(NotFound):
    """A suggestion that is not there was named."""

    text = "There is no such suggestion; use the suggestion_id that :suggest answered."
    field = "id"
