"""Which feeds each view has."""

from collections.abc import Callable, Sequence

from dash_app.addresses import View
from dash_app.curves_look import look_of
from dash_app.jobs_asked import jobs_asked, readable
from dash_app.live.curves_feed import CurvesFeed
from dash_app.live.happenings_feed import HappeningsFeed
from dash_app.live.hearing import Hearing
from dash_app.live.house_feed import MachinesFeed, TodayFeed
from dash_app.live.hub import Feed
from dash_app.live.job_feed import JobFeed
from dash_app.live.jobs_feed import CountsFeed, GroupsFeed, JobRowsFeed
from dash_app.live.log_feed import LogFeed
from dash_app.live.pipeline_feed import PipelineFeed
from dash_app.live.services_feed import ServiceFeed, ServicesFeed
from dash_app.live.sweep_feed import SweepFiguresFeed, SweepsFeed, TrialsFeed
from dash_app.live.timeline_feed import TimelineFeed
from hq.rest.house import House
from hq.rest.job_table import scans


def feeds_of(house: House, hearing: Hearing) -> Callable[[View], Sequence[Feed]]:
    """Return what makes the feeds of a view; the parts that matter most come first."""

    def make(view: View) -> Sequence[Feed]:
        match view.kind:
            case "house":
                return [MachinesFeed(house, hearing), CountsFeed(house, view, hearing), TodayFeed(house)]
            case "jobs":
                asked = jobs_asked(view)
                rows, counts = JobRowsFeed(house, hearing, asked), CountsFeed(house, view, hearing)
                groups = [GroupsFeed(house, hearing, asked)] if asked.group else []
                # Rows that all jobs are looked at for may take seconds.
                wanted, _ = readable(asked, hearing.quiet())
                return [counts, *groups, rows] if scans(wanted, asked.sort) else [rows, counts, *groups]
            case "job":
                job = view.identity
                return [
                    JobFeed(house, hearing, job),
                    LogFeed(house, job),
                    TimelineFeed(house, job),
                    CurvesFeed(house, job, look_of(view)),
                    PipelineFeed(house, job),
                ]
            case "events":
                # A past time is past: nothing of it changes.
                return [] if "from" in dict(view.given) else [HappeningsFeed(house, view)]
            case "services":
                return [ServicesFeed(house)]
            case "service":
                return [ServiceFeed(house, view.identity)]
            case "sweeps":
                return [SweepsFeed(house, hearing, dict(view.given))]
            case "sweep":
                sweep = view.identity
                figures = SweepFiguresFeed(house, hearing, sweep)
                return [TrialsFeed(house, hearing, sweep), figures, PipelineFeed(house, sweep)]
            case "pipeline":
                return [PipelineFeed(house, view.identity)]
        return []

    return make
