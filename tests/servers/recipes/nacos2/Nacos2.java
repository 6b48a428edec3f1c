package nacosserver;

import com.alibaba.nacos.core.code.ControllerMethodsCache;
import com.alibaba.nacos.core.service.NamespaceOperationService;
import com.alibaba.nacos.plugin.auth.exception.AccessException;
import com.alibaba.nacos.sys.filter.NacosTypeExcludeFilter;
import java.util.Map;
import javax.annotation.PostConstruct;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfigurationExcludeFilter;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.TypeExcludeFilter;
import org.springframework.boot.web.servlet.ServletComponentScan;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.ComponentScan.Filter;
import org.springframework.context.annotation.FilterType;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpStatus;
import org.springframework.scheduling.annotation.EnableScheduling;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.bind.annotation.RestControllerAdvice;

/**
 * Starts Nacos 2: configuration, naming and log-in, without the console.
 *
 * <p>The console's module, which usually starts the rest, is not published as a library. What else is in it and
 * matters here is made up for below: the methods' registration, the status of a refused log-in, and namespaces.
 */
@SpringBootApplication
@ComponentScan(
        basePackages = {"com.alibaba.nacos", "nacosserver"},
        excludeFilters = {
            @Filter(type = FilterType.CUSTOM, classes = NacosTypeExcludeFilter.class),
            @Filter(type = FilterType.CUSTOM, classes = TypeExcludeFilter.class),
            @Filter(type = FilterType.CUSTOM, classes = AutoConfigurationExcludeFilter.class)
        })
@ServletComponentScan("com.alibaba.nacos")
@EnableScheduling
public class Nacos2 {
    private final ControllerMethodsCache methods;

    public Nacos2(ControllerMethodsCache methods) {
        this.methods = methods;
    }

    public static void main(String[] args) {
        SpringApplication.run(Nacos2.class, args);
        if (Boolean.getBoolean("rehearsal")) {
            System.exit(0);
        }
    }

    /** The filters for log-in and for parameters let through what is not registered. */
    @PostConstruct
    public void register() {
        methods.initClassMethod("com.alibaba.nacos.core.controller");
        methods.initClassMethod("com.alibaba.nacos.config.server.controller");
        methods.initClassMethod("com.alibaba.nacos.naming.controllers");
        methods.initClassMethod("com.alibaba.nacos.plugin.auth.impl.controller");
    }

    @RestControllerAdvice
    @Order(Ordered.HIGHEST_PRECEDENCE)
    public static class RefusedLogIn {
        @ExceptionHandler(AccessException.class)
        @ResponseStatus(HttpStatus.FORBIDDEN)
        public String answer(AccessException refused) {
            return refused.getErrMsg();
        }
    }

    @RestController
    @RequestMapping("/v1/console/namespaces")
    public static class Namespaces {
        private final NamespaceOperationService namespaces;

        public Namespaces(NamespaceOperationService namespaces) {
            this.namespaces = namespaces;
        }

        @GetMapping
        public Object list() {
            return Map.of("code", 200, "data", namespaces.getNamespaceList());
        }

        @PostMapping
        public boolean create(
                @RequestParam("customNamespaceId") String id,
                @RequestParam("namespaceName") String name,
                @RequestParam(value = "namespaceDesc", required = false) String description)
                throws Exception {
            return namespaces.createNamespace(id, name, description);
        }
    }
}
