"""A field that may hold personal data says so: whoever adds one under a telling name marks it, or says here why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor
from tercet_protos import import_all

from tercet_chassis.contract import rule_of

_TELLING = re.compile(
    r"(^|_)(name|title|phone|mobile|email|address|wechat|openid|id_number|id_no|birth\w*|remark|note|reason|text|body|"
    r"terms|resolution|raw|cells|longitude|latitude|postal_code|subject|comment|content|vin|plate|ip)$"
)
# Names of configuration, companies, machines and files, reasons that are codes, titles from replies that were masked.
_NOT_PERSONAL = frozenset(
    {
        "chassis.v1.DeadLetter.reason",
        "chassis.v1.DeadLetter.subject",
        "chassis.v1.File.name",
        "chassis.v1.FileChunk.content",
        "chassis.v1.ListRecordedEventsResponse.RecordedEvent.subject",
        "chassis.v1.Operation.error_reason",
        "gateway.v1.ApiKey.name",
        "gateway.v1.MissingPart.reason",
        "gateway.v1.Role.name",
        "gateway.v1.SavedView.name",
        "gateway.v1.Session.end_reason",
        "gateway.v1.Tenant.name",
        "gateway.v1.TimelineItem.title",
        "gateway.v1.Unit.name",
        "gateway.v1.Webhook.disable_reason",
        "gateway.v1.Webhook.name",
        "gateway.v1.WebhookDelivery.event_name",
        "leads.v1.AssignmentRule.display_name",
        "leads.v1.BatchCreateLeadsResponse.Result.reason",
        "leads.v1.Contribution.display_name",
        "leads.v1.ExplainAssignmentResponse.Seller.reason",
        "leads.v1.ExportImportErrorsResponse.file_name",
        "leads.v1.Form.Field.name",
        "leads.v1.Form.display_name",
        "leads.v1.Identity.company_name",
        "leads.v1.Import.Column.name",
        "leads.v1.Import.file_name",
        "leads.v1.Import.sheet_name",
        "leads.v1.ImportRowError.reason",
        "leads.v1.KnownFacts.company_name",
        "leads.v1.Lead.company_name",
        "leads.v1.Lead.job_title",
        "leads.v1.LeadConversionRefused.reason",
        "leads.v1.LeadUnmatched.reason",
        "leads.v1.Party.company_name",
        "leads.v1.Placement.display_name",
        "leads.v1.Pool.display_name",
        "leads.v1.PreviewImportResponse.Row.reason",
        "leads.v1.QualificationRule.display_name",
        "leads.v1.RenderPlacementCodeResponse.content",
        "leads.v1.ScoringRule.display_name",
        "leads.v1.Source.display_name",
        "marketing.v1.Action.display_name",
        "marketing.v1.Budget.display_name",
        "marketing.v1.BudgetFunded.reason",
        "marketing.v1.CalendarSpan.display_name",
        "marketing.v1.Campaign.display_name",
        "marketing.v1.Channel.Setting.name",
        "marketing.v1.Channel.display_name",
        "marketing.v1.ChannelAccount.display_name",
        "marketing.v1.CodeBatch.display_name",
        "marketing.v1.Compatibility.Fault.reason",
        "marketing.v1.DecisionCheck.name",
        "marketing.v1.ForecastOutcome.reason",
        "marketing.v1.LedgerEntry.reason",
        "marketing.v1.Lifecycle.display_name",
        "marketing.v1.LifecycleStage.condition_text",
        "marketing.v1.LifecycleStage.display_name",
        "marketing.v1.LoyaltyProgramme.display_name",
        "marketing.v1.LoyaltyTier.display_name",
        "marketing.v1.Payer.display_name",
        "marketing.v1.PayerSetting.name",
        "marketing.v1.PayoutAccount.display_name",
        "marketing.v1.Plan.display_name",
        "marketing.v1.PointsEntry.reason",
        "marketing.v1.Policy.display_name",
        "marketing.v1.Promotion.display_name",
        "marketing.v1.Segment.condition_text",
        "marketing.v1.Segment.display_name",
        "marketing.v1.Segment.subject",
        "marketing.v1.Strategy.display_name",
        "marketing.v1.Strategy.event_name",
        "marketing.v1.StrategyDecision.reason",
        "marketing.v1.Template.display_name",
        "marketing.v1.Tool.display_name",
        "sales.v1.CertaintyGrade.name",
        "sales.v1.Contact.job_title",
        "sales.v1.Customer.company_name",
        "sales.v1.ExplainCertaintyResponse.Grade.name",
        "sales.v1.Pipeline.name",
        "sales.v1.PipelineStage.name",
        "sales.v1.PriceBook.name",
        "sales.v1.Product.name",
        "sales.v1.OrderConfirmationRefused.reason",
        "sales.v1.ReceiptResult.reason",
        "sales.v1.RelationKind.inverse_name",
        "sales.v1.RelationKind.name",
        "sales.v1.ResolvePricesResponse.Candidate.reason",
        "servicedesk.v1.Alarm.rule_name",
        "servicedesk.v1.AlarmRule.display_name",
        "servicedesk.v1.ArticleHit.title",
        "servicedesk.v1.ArticleVersion.body",
        "servicedesk.v1.ArticleVersion.title",
        "servicedesk.v1.Asset.display_name",
        "servicedesk.v1.Asset.warranty_terms",
        "servicedesk.v1.Calendar.display_name",
        "servicedesk.v1.Device.display_name",
        "servicedesk.v1.ExplainServiceLevelResponse.Level.display_name",
        "servicedesk.v1.KnowledgeCategory.display_name",
        "servicedesk.v1.Macro.display_name",
        "servicedesk.v1.Macro.note_text",
        "servicedesk.v1.Macro.reply_text",
        "servicedesk.v1.Macro.resolution",
        "servicedesk.v1.OpenedArticle.body",
        "servicedesk.v1.OpenedArticle.title",
        "servicedesk.v1.OpenedAsset.display_name",
        "servicedesk.v1.RoutingRule.display_name",
        "servicedesk.v1.ServiceLevel.display_name",
        "servicedesk.v1.SpecialDay.title",
        "servicedesk.v1.TicketForm.display_name",
        "servicedesk.v1.TicketStage.display_name",
        "servicedesk.v1.TicketType.display_name",
        "servicedesk.v1.Warranty.terms",
    }
)


def _messages() -> Iterator[Descriptor]:
    def below(message: Any) -> Iterator[Any]:
        yield message
        for inner in message.nested_types:
            if not inner.GetOptions().map_entry:
                yield from below(inner)

    for name in import_all():
        for message in descriptor_pool.Default().FindFileByName(name).message_types_by_name.values():
            yield from below(message)


def test_whatever_sounds_personal_is_marked() -> None:
    bare = {
        f"{message.full_name}.{field.name}".removeprefix("tercet.")
        for message in _messages()
        if not message.name.endswith("Request")
        for field in message.fields
        if field.message_type is None and field.enum_type is None and _TELLING.search(field.name)
        if not rule_of(field).personal_data
    }
    assert bare == _NOT_PERSONAL
