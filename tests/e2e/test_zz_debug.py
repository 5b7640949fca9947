import json, random
from deploy.demo.summary import agreement
from dataclasses import replace
def test_print(lesson):
    out=[]
    for s in lesson.students: out.append((s.room,s.seat,s.score and round(s.score,1),s.true_score and round(s.true_score,1),round(s.coverage,2),s.windows))
    out.append(agreement(lesson.students))
    sh=[replace(s,true_score=t.true_score) for s,t in zip(lesson.students,lesson.students[1:]+lesson.students[:1])]
    out.append(("shifted",agreement(sh)))
    out.append(("bytes",{n:lesson.watch.bytes_written(n) for n in ("ingest","worker-0","aggregator","frames server")},lesson.watch.opened,lesson.frame_bytes,len(lesson.needles),lesson.pipeline.sampled_frames()))
    out.append([(r.room,r.seat,r.start,r.score,r.n_obs,r.n_exp,r.missing_reason) for r in lesson.pipeline.windows() if r.score is None])
    from tests.e2e.running_pipeline import CAMERAS
    out.append([tuple(r) for r in lesson.pipeline.rows(CAMERAS)])
    open("/tmp/v/e2e_debug.txt","w").write("\n".join(map(str,out)))
