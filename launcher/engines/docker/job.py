"""Supervises one container from its start to its end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.logs import Follower
from launcher.engines.docker.memory import Memory
from launcher.engines.docker.network import Network
from launcher.engines.ending import ContainerExit, clear_result, conclude, read_result
from launcher.engines.log import LogFile, Sorter, drain
from launcher.engines.protocol import Ended, JobListener, StopRequest
from launcher.host.docker_engine import Input
from launcher.log import in_thread
from launcher.plan.values import JobPlan
from launcher.untrusted import clean
from runner import contract
from runner.contract import Failure, FailureKind

if TYPE_CHECKING:
    import socket

    from docker import APIClient

TICK_SECONDS = 0.1
PATIENCE_SECONDS = 20.0
"""How long an engine may be out of reach before it counts as gone."""
_CUT_OFF_SECONDS = 0.7
"""If standard input breaks this long before the container ends, that is why it ended."""
_REMOVAL_SECONDS = 1.5
"""How long a killed container is watched, to tell a removal from a kill."""


class Job:
    """One container that exists and hasn't started. ``run`` supervises it to its end."""

    def __init__(
        self,
        api: APIClient,
        container: str,
        plan: JobPlan,
        network: Network,
        listener: JobListener,
        stop: StopRequest,
    ) -> None:
        self._api, self._container, self._plan, self._network = api, container, plan, network
        self._listener, self._stop = listener, stop
        self._memory = Memory(api, container)
        self._log = LogFile(plan.log_file)
        self._sorter = Sorter(plan.job.token, self._log, self._heard, self._show, network.leave)
        self._follower = Follower(api, container, self._sorter.line)
        self._over = threading.Event()
        self._speaks = False
        self._state: dict[str, Any] = {}
        self._gone = False
        self._away = False
        self._broke: float | None = None
        self._ended_at = 0.0
        self._asked: FailureKind | None = None

    def run(self) -> Ended:
        """Start it, hand it its job, wait for its end. Raises what the SDK raises where it can't start.

        And NetworkRefused where its network can't be closed as it should be, ConfigurationError where the
        state folder can't be used.
        """
        clear_result(self._result_file)
        stdin = Input(self._api, self._container)
        try:
            self._api.start(self._container)
            self._network.wait_closed()
            in_thread(f"frame {self._container[:12]}", self._send, stdin.connection)
            in_thread(f"wait {self._container[:12]}", self._wait)
            log = in_thread(f"log {self._container[:12]}", self._follow)
            self._supervise()
            drain(log, lambda: self._follower.frames, self._given_up, self._log)
        finally:
            # Whatever happened here, the runner's standard input ends now, and the runner with it.
            stdin.close()
            self._log.close()
        return self._conclude(self._written_result() or self._sorter.result)

    def _given_up(self) -> bool:
        return self._gone or self._stop.hard.is_set()

    @property
    def _result_file(self) -> Path:
        return self._plan.state_dir / self._plan.job.result_file.rpartition("/")[2]

    def _written_result(self) -> contract.Result | None:
        """The result that this run has left in the state folder, its last deed."""
        result = read_result(self._result_file)
        return result if result is not None and result.run_id in ("", self._plan.job.run_id) else None

    def note(self, line: str) -> None:
        """A line of the launcher's own in the run's log."""
        line = clean.line(line)
        self._log.write(line.encode())
        self._show(line)

    def _show(self, line: str) -> None:
        self._listener.log(self._plan.job.source, line)

    def _heard(self, event: Mapping[str, Any]) -> None:
        self._speaks = True
        self._listener.event(self._plan.job.source, event)

    def _send(self, stdin: socket.socket) -> None:
        """The frame, whole; then notice when the connection breaks, for the runner ends by that.

        A container that ended early doesn't take the frame; its exit says why.
        """
        with contextlib.suppress(OSError):
            stdin.sendall(contract.frame(self._plan.job, dict(self._plan.slice.files)))
            while stdin.recv(4096):
                pass
        self._broke = time.monotonic()

    def _wait(self) -> None:
        """Wait for the end over as many connections as it takes, and take the engine's record of it."""
        last_answer = time.monotonic()
        while not self._over.is_set():
            try:
                self._api.wait(self._container, timeout=None)
                self._state = self._final_state()
                self._over.set()
            except Exception as error:  # noqa: BLE001 - whatever breaks the call, the engine is asked again
                if _missing(error):
                    self._state = {"Removed": True}
                    self._over.set()
                elif self._reachable():
                    last_answer = time.monotonic()
                else:
                    self._away = True
                    # A source that has ended needs no engine any more.
                    if self._written_result() or time.monotonic() - last_answer > PATIENCE_SECONDS:
                        self._gone = True
                        self._over.set()
                time.sleep(0.2)

    def _final_state(self) -> dict[str, Any]:
        """The engine's record of the end. Of a container that somebody removes or restarts, that.

        `docker rm -f` kills a container first, and takes it away a moment later.
        """
        state: dict[str, Any] = self._api.inspect_container(self._container)["State"]
        give_up = time.monotonic() + _REMOVAL_SECONDS
        killed = state.get("ExitCode") == 128 + signal.SIGKILL and not state.get("OOMKilled")
        while killed and self._asked is None and time.monotonic() < give_up:
            time.sleep(TICK_SECONDS)
            state = self._api.inspect_container(self._container)["State"]
        return state

    def _reachable(self) -> bool:
        try:
            self._api.ping()
        except Exception:  # noqa: BLE001 - no answer, of whatever kind
            return False
        return True

    def _follow(self) -> None:
        """Read the log to its end: until a reading that began after the container's end went through."""
        while True:
            ended = self._over.is_set()
            try:
                more = self._follower.read()
            except Exception as error:  # noqa: BLE001 - whatever breaks the stream, it is read on
                if _missing(error) or self._gone:
                    break
                time.sleep(0.2)
            else:
                if ended:
                    break
                if not more:
                    self._over.wait(1.0)
            finally:
                self._log.flush()
        self._follower.finish()

    def _supervise(self) -> None:
        """Watch memory, deadline and stop requests until the container is over."""
        started = time.monotonic()
        kill_at: float | None = None
        killed = False
        unheard = False
        flush_at = started
        # Other threads send the signals: an engine that is slow to answer must not delay the next decision.
        while not self._over.wait(TICK_SECONDS):
            now = time.monotonic()
            held = self._memory.sample()
            if held is not None:
                self._listener.event(self._plan.job.source, {"event": "memory", "bytes": held})
            if now >= flush_at:
                self._log.flush()
                flush_at = now + 0.5
            overdue = self._plan.timeout is not None and now - started >= self._plan.timeout
            if self._asked is None and (self._stop.gentle.is_set() or overdue):
                self._asked = self._stop.reason if self._stop.gentle.is_set() else FailureKind.TIMEOUT
                kill_at = now + self._plan.container.stop_grace
                unheard = not self._speaks
                in_thread(f"SIGTERM {self._container[:12]}", self._signal, "SIGTERM")
            elif unheard and self._speaks:
                # The first one came before the runner had a handler: PID 1 ignores what it has none for.
                unheard = False
                in_thread(f"SIGTERM {self._container[:12]}", self._signal, "SIGTERM")
            if not killed and (self._stop.hard.is_set() or (kill_at is not None and now >= kill_at)):
                killed = True
                self._asked = self._asked or self._stop.reason
                in_thread(f"SIGKILL {self._container[:12]}", self._signal, "SIGKILL")

        self._ended_at = time.monotonic()

    def _signal(self, name: str) -> None:
        # A container that is over already refuses the signal.
        with contextlib.suppress(Exception):
            self._api.kill(self._container, name)

    def _conclude(self, result: contract.Result | None) -> Ended:
        # An engine that comes back after its death stops the containers that it finds, as `docker stop` does.
        # A failure of any other kind is the source's own, whatever became of the engine meanwhile.
        stopped = result is None or (
            result.failure is not None and result.failure.kind is FailureKind.CANCELLED
        )
        broke = self._broke is not None and self._ended_at - self._broke > _CUT_OFF_SECONDS
        told = result is not None and contract.INPUT_CLOSED in result.notes
        cut_off = told or (stopped and (self._away or broke))
        well = result is not None and result.status == "ok"
        if (self._gone and stopped) or (cut_off and self._asked is None and not well):
            failure = Failure(
                FailureKind.ENGINE_GONE,
                "the connection to the Docker engine broke while the job ran",
                "when it is back, sync again: it resumes where this run was interrupted",
                transient=True,
            )
            return Ended(result, failure=failure, peak_memory=self._memory.peak)
        deed = "removed" if self._state.get("Removed") else "restarted" if self._state.get("Running") else ""
        return conclude(
            ContainerExit(
                code=None if deed else self._state.get("ExitCode"),
                oom=bool(self._state.get("OOMKilled")),
                error=str(self._state.get("Error") or ""),
                asked=self._asked,
                deed=deed,
                timeout=self._plan.timeout,
                memory_limit=self._plan.container.memory,
                peak_memory=self._memory.peak,
            ),
            result,
        )


def _missing(error: Exception) -> bool:
    """Whether the engine says that there is no such container."""
    return getattr(getattr(error, "response", None), "status_code", None) == 404
